#!/bin/bash
# A server block of somebody else's that has a site's name and is read first: nginx only warns, and the site is never
# served. That is told of the domain as long as it is so, and only when it is so.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosting.sh"

block() { # NAME...: a server block of somebody else's
	printf 'server {\n\tlisten 80;\n\tserver_name %s;\n\treturn 200 "somebody else\\n";\n}\n' "$*"
}

reload() {
	ok "nginx takes $1" run nginx -s reload
	sleep 0.5
}

machine_up
ok "all daemons run" start_daemons
put /root/state.yaml <<'YAML'
novacpx: 1
accounts:
  ann:
    domains:
      ann.example: {type: primary}
      shop.ann.example: {type: subdomain}
  ben:
    domains:
      ben.example: {type: primary}
YAML

# ---- a block is there before the site

block ann.example | put /etc/nginx/conf.d/a.conf
novacpx_is "a site whose name is taken" 5 apply --yes --no-diff -f /root/state.yaml
like "is Failed" "$said" "domain/ann.example: Failed \(NameTaken\)"
like "in nginx's words" "$said" 'conflicting server name "ann.example" on 0.0.0.0:80, ignored'
is "and the only one" "$(run novacpx status | grep -c since)" 1
is "the other answers" "$(site ann.example)" "somebody else"
ok "its files are there all the same" run sh -c 'test -e /etc/nginx/novacpx/sites/*/ann/ann.example.conf'
like "www is its own" "$(site www.ann.example)" "Welcome, ann"
like "the others too" "$(site ben.example)" "Welcome, ben"
novacpx_is "a full pass finds it again" 5 pass --full
like "and does nothing" "$said" "0 done"
novacpx_is "a pass too" 5 pass
novacpx_is "it stands" 5 status domain/ann.example

# ---- gone

run rm /etc/nginx/conf.d/a.conf
reload "its end"
like "the site answers" "$(site ann.example)" "Welcome, ann"
novacpx_is "a pass sees that" 0 pass
novacpx_is "every resource is ready" 0 status

# ---- one that comes later, for www alone

block www.ben.example elsewhere.example | put /etc/nginx/conf.d/a.conf
reload "another"
novacpx_is "a full pass finds it" 5 pass --full
like "at the domain" "$said" "domain/ben.example: Failed \(NameTaken\)"
like "with the name" "$said" '"www.ben.example"'
novacpx_is "a change of another domain" 5 set domain/shop.ann.example php=false --yes --no-diff
like "is done" "$said" "applied: [1-9][0-9]* done, 0 failed"
novacpx_is "that stands" 5 status domain/ben.example
novacpx_is "the name is given up" 0 set domain/ben.example www=false --yes --no-diff
novacpx_is "and all is ready" 0 status
novacpx_is "to a full pass as well" 0 pass --full
run rm /etc/nginx/conf.d/a.conf
reload "its end"

# ---- one that nginx reads after ours harms nobody

block ann.example | put /etc/nginx/sites-enabled/z.conf
reload "one that it ignores"
like "ours answers" "$(site ann.example)" "Welcome, ann"
novacpx_is "so nothing is told" 0 pass --full
novacpx_is "nor at a change" 0 set domain/ann.example php=false --yes --no-diff
like "ours still answers" "$(site ann.example)" "Welcome, ann"

# ---- suspended, redirected, by TLS alone: every kind of site can be asked

novacpx_is "suspended" 0 set account/ann status=suspended --yes --no-diff
novacpx_is "back" 0 set account/ann status=active --yes --no-diff
run rm /etc/nginx/sites-enabled/z.conf
msh 'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=ben.example \
	-addext subjectAltName=DNS:ben.example -keyout /etc/ssl/ben.key -out /etc/ssl/ben.pem' >/dev/null 2>&1
put /root/cert.yaml <<'YAML'
novacpx: 1
accounts: {ben: {certificates: {ben.example: {type: custom, cert_path: /etc/ssl/ben.pem, key_path: /etc/ssl/ben.key}}}}
YAML
printf 'server {\n\tlisten 443 ssl;\n\tserver_name ben.example;\n\tssl_certificate /etc/ssl/ben.pem;\n\tssl_certificate_key /etc/ssl/ben.key;\n\treturn 200 other;\n}\n' |
	put /etc/nginx/conf.d/a.conf
novacpx_is "a name that is taken for TLS alone" 5 apply --yes --no-diff -f /root/cert.yaml
like "is told" "$said" 'domain/ben.example: Failed \(NameTaken\).*"ben.example" on 0.0.0.0:443, ignored'
run rm /etc/nginx/conf.d/a.conf
reload "its end"
novacpx_is "until it is gone" 0 pass
novacpx_is "and force_https" 0 set domain/ben.example force_https=true --yes --no-diff
block ben.example | put /etc/nginx/sites-enabled/z.conf
novacpx_is "does not stand in the way of asking" 0 pass --full
done_testing

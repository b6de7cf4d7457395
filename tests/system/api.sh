# For system tests (bash, sourced after lib.sh): novacpx-api over a folder as its machine, without an engine unless one is asked for.
#
#   api_up                   $http and $https are its ports, $root the folder; ended when the test ends
#   settle setting/x value=y
#   engine_up                novacpxd for it as well
#   api GET accounts/list    as the administrator
# shellcheck shell=bash

export NO_PROXY='*' no_proxy='*'
root=$scratch/root
api_pid='' engine_pid=''

# Nothing of this machine is installed in the folder, which `novacpx` says at length and by its status.
settle() {
	"$checkout/build/$variant/novacpx" --root "$root" set "$@" --yes --no-diff >"$scratch/settle" 2>&1
	[[ $? == 0 || $? == 5 ]] || bail "novacpx set $1: $(cat "$scratch/settle")"
}

api_up() { # [PORT FOR HTTP, PORT FOR HTTPS]: 0 is any
	"$checkout/build/$variant/novacpx-api" --root "$root" --http "${1:-0}" --listen "${2:-0}" --rate 100000 \
		--login-rate 1000 >"$scratch/api.log" 2>&1 &
	api_pid=$!
	eventually 20 grep -q '^HTTPS on port' "$scratch/api.log" || bail "novacpx-api: $(cat "$scratch/api.log")"
	http=$(sed -n 's/^HTTP on port //p' "$scratch/api.log")
	https=$(sed -n 's/^HTTPS on port //p' "$scratch/api.log")
}

api_down() {
	[[ ! $api_pid ]] || { kill "$api_pid" && wait "$api_pid"; }
	api_pid=''
}

engine_up() {
	"$checkout/build/$variant/novacpxd" --root "$root" >"$scratch/engine.log" 2>&1 &
	engine_pid=$!
	eventually 20 test -S "$root/run/novacpx/engine.sock" || bail "novacpxd: $(cat "$scratch/engine.log")"
}

engine_down() {
	[[ ! $engine_pid ]] || { kill "$engine_pid" && wait "$engine_pid"; }
	engine_pid=''
}
trap 'api_down; engine_down; finish' EXIT

api_make() { # the folder with an administrator
	local file
	[[ $EUID == 0 ]] || skip_all "only root can make users"
	[[ -x $checkout/build/$variant/novacpx-api ]] || bail "novacpx-api is not built"
	mkdir -p "$root/etc"
	chmod 755 "$scratch"
	for file in passwd group shadow gshadow; do cp "/etc/$file" "$root/etc/"; done
	settle user/admin role=admin email=admin@host.example
	echo 'Nova2026!!' | "$checkout/build/$variant/novacpx" --root "$root" passwd user/admin --yes --no-diff \
		>"$scratch/settle" 2>&1
}

api_login() {
	curl -sS -o /dev/null -c "$scratch/jar" -d '{"username":"admin","password":"Nova2026!!"}' \
		"http://127.0.0.1:$http/api/auth/login"
}

api() { # METHOD PATH [BODY]
	curl -sS -m 30 -b "$scratch/jar" -X "$1" ${3:+-d "$3"} "http://127.0.0.1:$http/api/$2"
}

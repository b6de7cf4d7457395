#!/bin/bash
. "$(dirname "$0")/lib.sh"
tree=$scratch/tree

# plant FILE LINE...: a tree with that one file beside a clean one
plant() {
	local file=$1
	shift
	rm -rf "$tree"
	mkdir -p "$tree"/{base,model,renderers,state,reconciler,api,cli,tests}
	printf '%s\n' '#include <stdio.h>' '#include "base/err.h"' >"$tree/base/err.c"
	: >"$tree/base/err.h"
	mkdir -p "$(dirname "$tree/$file")"
	printf '%s\n' "$@" >"$tree/$file"
}

good() { # FILE INCLUDE
	plant "$1" "#include $2"
	check "$1 may include $2" passes "$lint/layer-check" "$tree"
}

bad() { # FILE INCLUDE WHAT-IT-SAYS
	plant "$1" '/* first */' "#include $2"
	check "$1 must not include $2" catches "^$1:2: .*$3" "$lint/layer-check" "$tree"
}

good model/a.c '"base/err.h"'
good renderers/a.c '"model/kind.h"'
good state/a.c '"model/kind.h"'
good reconciler/a.c '"state/history.h"'
good reconciler/a.c '"renderers/catalog.h"'
good cli/a.c '"reconciler/engine.h"'
good api/a.c '"state/history.h"'
good model/store.c '<sqlite3.h>'
good state/git.c '<git2/sys/odb_backend.h>'
good reconciler/loop.c '<systemd/sd-event.h>'
good base/a.c '<systemd/other.h>'
bad base/a.c '"model/kind.h"' 'base/ must not include model/'
bad model/a.h '"renderers/catalog.h"' 'model/ must not include renderers/'
bad renderers/a.c '"state/history.h"' 'renderers/ must not include state/'
bad state/a.c '"renderers/catalog.h"' 'state/ must not include renderers/'
bad state/sub/a.c '"reconciler/plan.h"' 'state/ must not include reconciler/'
bad reconciler/a.c '"cli/cmd.h"' 'reconciler/ must not include cli/'
bad reconciler/a.c '"api/server.h"' 'reconciler/ must not include api/'
bad api/a.c '"reconciler/plan.h"' 'api/ must not include reconciler/'
bad api/a.c '"renderers/catalog.h"' 'api/ must not include renderers/'
bad model/a.c '"tests/support/testing.h"' 'must not include tests'
bad model/a.c '"kind.h"' 'folder/file.h'
bad model/a.c '"base/../state/history.h"' 'folder/file.h'
bad model/a.c '"panel/x.h"' 'no folder of the design'
bad state/a.c '<sqlite3.h>' 'only model/'
bad base/a.c '<idn2.h>' 'only model/'
bad reconciler/a.c '<git2.h>' 'only state/'
bad cli/a.c '<git2/types.h>' 'only state/'
bad reconciler/a.h '<yaml.h>' 'only state/'
bad state/a.c '<lmdb.h>' 'only reconciler/'
bad cli/a.c '<systemd/sd-bus.h>' 'only reconciler/'
bad renderers/a.c '<base/err.h>' 'included as'
bad renderers/a.c 'HEADER' 'by a macro'
plant model/a.c '#  include  "state/history.h"'
check "spaces hide nothing" catches '^model/a.c:1: ' "$lint/layer-check" "$tree"
plant model/a.c '#include \' '"state/history.h"'
check "nor does a continued line" catches '^model/a.c:2: ' "$lint/layer-check" "$tree"
rm -rf "$tree"/*
check "an empty tree is no success" catches 'no C file' "$lint/layer-check" "$tree"
finish

#!/bin/bash
# Every script for people answers --help: says its usage, does nothing else.
#
# usage: check_help.sh SOURCE-ROOT
set -eu
cd "$1"
bad=0
for script in scripts/*.sh guests/linux/build.sh; do
    [ "$script" != scripts/lib.sh ] || continue
    if ! text=$("$script" --help 2>&1) || ! grep -q "^usage: $script" <<<"$text"; then
        echo "$script --help: $text"
        bad=1
    fi
done
exit $bad

#!/bin/sh
# Print the path of a Python 3.13, the version that Lambda runs (template.yaml); fail if there is none.
for candidate in python3.13 "$(PYENV_VERSION=$(pyenv versions --bare 2>/dev/null | grep -m1 '^3\.13\.') \
    pyenv prefix 2>/dev/null)/bin/python3.13" /usr/local/bin/python3.13 /opt/python3.13/bin/python3.13; do
    # A pyenv shim exists for every version and fails for those that are not chosen: run it.
    if "$candidate" -c 'import sys; print(sys.executable)' 2>/dev/null; then
        exit 0
    fi
done
echo "There is no Python 3.13 here. Lambda runs it, so building and emulating the functions needs it:
put python3.13 on PATH, or 'pyenv install 3.13'. Until then tests/aws skips those tests." >&2
exit 1

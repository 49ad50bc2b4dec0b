# Shared by run and test: system libraries, a Python that is new enough, and .venv with what
# pyproject.toml asks for.

SYSTEM_PACKAGES="python3 python3-venv"

# What Qt needs on X11 and Wayland beside a desktop's own
WINDOW_PACKAGES="libgl1 libegl1 libglib2.0-0 libdbus-1-3 libfontconfig1 libxkbcommon0
  libxkbcommon-x11-0 libx11-xcb1 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1
  libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-sync1 libxcb-xfixes0 libxcb-xkb1
  fonts-dejavu-core"

die() { printf '%s\n' "$*" >&2; exit 1; }

# install_system WHAT PACKAGES...: those that are missing; without them the rest works, so it only says so
install_system() {
  local what=$1 missing="" name
  shift
  command -v dpkg-query >/dev/null || return 0
  for name in "$@"; do
    # Ubuntu has some of them as NAMEt64
    { dpkg-query --show --showformat '${db:Status-Status}\n' "$name" "${name}t64" 2>/dev/null ||
      true; } | grep -x installed >/dev/null ||
      missing+=" $name"
  done
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    printf 'For %s: sudo apt-get install -y --no-install-recommends%s\n' "$what" "$missing" >&2
    return 0
  fi
  # shellcheck disable=SC2086
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends $missing; } >&2 ||
    printf 'Could not install what %s needs:%s\n' "$what" "$missing" >&2
}

python_is_ready() {
  python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

ensure_python() {
  python_is_ready && return
  command -v apt-get >/dev/null || die "Python 3.11 or newer with venv is needed; install it first."
  if [ "$(id -u)" -ne 0 ]; then
    die "Python 3.11 or newer with venv is needed: sudo apt-get install -y $SYSTEM_PACKAGES"
  fi
  apt-get update -q
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $SYSTEM_PACKAGES
  python_is_ready || die "Python 3.11 or newer is needed; this system's own is older."
}

# python-rtmidi has no wheels for the newest Pythons; without it MIDI comes by JACK and PipeWire alone
build_rtmidi() {
  install_system "building python-rtmidi" g++ python3-dev pkg-config libasound2-dev libjack-jackd2-dev
  "$1/.venv/bin/python" -m pip install --quiet python-rtmidi ||
    printf 'python-rtmidi could not be built: MIDI works through JACK and PipeWire alone.\n' >&2
}

# install_into_venv TOP KIND WHAT: pip install -e WHAT, once for each version of pyproject.toml
install_into_venv() {
  local top=$1 stamp=$1/.venv/installed-$2
  if [ ! -x "$top/.venv/bin/pip" ]; then
    ensure_python
    python3 -m venv "$top/.venv"
  fi
  cmp -s "$top/pyproject.toml" "$stamp" && return
  printf 'Setting up %s/.venv, once; this takes some minutes.\n' "$top" >&2
  (cd "$top" && .venv/bin/python -m pip install --quiet --editable "$3")
  "$top/.venv/bin/python" -c 'import rtmidi' 2>/dev/null || build_rtmidi "$top"
  cp "$top/pyproject.toml" "$stamp"
}

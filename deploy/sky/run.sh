# On the rented machine: the profile, for at most LIMIT_MINUTES. Ctrl-C is what a run at its limit gets: finished chapters are kept.
set -euo pipefail
frames=()
[ "$FRAMES" = synthetic ] || frames=(--set "common.frames_from=$FRAMES")
"$VENV/bin/blipkit" doctor || true  # what is wrong is printed; the run says itself what it cannot do
timeout --signal=INT --kill-after=5m "${LIMIT_MINUTES}m" "$VENV/bin/blipkit" run "$PROFILE" "${frames[@]}"

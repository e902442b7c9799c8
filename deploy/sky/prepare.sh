# On the rented machine, before the run: is this the commit and are these the frames of the launcher, then swap and set-up.
# COMMIT, FRAMES, FRAMES_SHA256, VENV, TRANSFORMERS, SWAP_GB and LIMIT_MINUTES are those of the task.
set -euo pipefail
refuse() { echo "deploy/sky: $1" >&2; exit 2; }

[ -n "$COMMIT" ] || refuse "COMMIT is empty; expected the launcher's commit; start it by deploy/sky/launch.sh"
here="$(git rev-parse HEAD)"
[ "$here" = "$COMMIT" ] || refuse "this is commit $here; expected $COMMIT; launch from the checkout that you mean"
# SkyPilot copies nothing that .gitignore names, and reads no exception there
[ -e results/published ] || git checkout --quiet HEAD -- results/published
git diff --quiet HEAD || refuse "files differ from commit $COMMIT; expected none; commit or drop the changes and launch again"
if [ "$FRAMES" != synthetic ]; then
  digest="$(python3 deploy/sky/frames_digest.py "$FRAMES")"
  [ "$digest" = "$FRAMES_SHA256" ] || refuse "frames in $FRAMES have digest $digest; expected $FRAMES_SHA256; copy them again"
fi
[ "${CHECK_ONLY:-}" ] && exit 0

sudo shutdown -h "+$((LIMIT_MINUTES + 60))"
if [ "$SWAP_GB" -gt 0 ] && [ ! -e /swapfile ]; then
  sudo fallocate -l "${SWAP_GB}G" /swapfile && sudo chmod 600 /swapfile && sudo mkswap /swapfile && sudo swapon /swapfile
fi
[ -w "$VENV/bin" ] || sudo chown -R "$(id -u):$(id -g)" "$VENV"
make setup VENV="$VENV" TRANSFORMERS="$TRANSFORMERS"

#!/usr/bin/env bash
# Rents a machine, runs its profile, brings results/ back and ends the machine: deploy/sky/launch.sh inf2|gpu [REGION] [FRAMES]
# It needs SkyPilot (sky), AWS's command line (aws) with credentials, and quota: docs/renting.md. FRAMES is a folder in this
# checkout, the same for both machines. Nobody has launched it yet.
set -euo pipefail
cd "$(dirname "$0")/../.."
machine="${1:-}" region="${2:-us-east-1}" frames="${3:-synthetic}"
refuse() { echo "deploy/sky: $1" >&2; exit 2; }

case "$machine" in
  inf2) name="Deep Learning AMI Neuron PyTorch 2.9 (Ubuntu 24.04) *" about="*Neuron SDK 2.31.*" ;;
  gpu) name="Deep Learning OSS Nvidia Driver AMI GPU PyTorch 2.9 (Ubuntu 24.04) *" about="*" ;;
  *) refuse "the machine is '$machine'; expected inf2 or gpu" ;;
esac
[ ! -e "results/$machine" ] || refuse "results/$machine is there; expected none: runs would mix; move it away"
git diff --quiet HEAD || refuse "files differ from the last commit; expected none: both machines run one commit; commit first"
digest=""
[ "$frames" = synthetic ] || digest="$(python3 deploy/sky/frames_digest.py "$frames")"
image="$(aws ec2 describe-images --region "$region" --owners amazon --include-deprecated \
  --filters "Name=name,Values=$name" "Name=description,Values=$about" \
  --query 'sort_by(Images, &CreationDate)[-1].ImageId' --output text)"
case "$image" in
  ami-*) ;;
  *) refuse "no image in $region is called '$name' with '$about'; expected one; try another region" ;;
esac
echo "commit $(git rev-parse HEAD), frames $frames $digest, image $image in $region"

cluster="blipkit-$machine" status=0
sky launch --yes --cluster "$cluster" --infra "aws/$region" --image-id "$image" --env "COMMIT=$(git rev-parse HEAD)" \
  --env "FRAMES=$frames" --env "FRAMES_SHA256=$digest" "deploy/sky/$machine.yaml" || status=$?
# a run that ends with a finding has results as well
rsync -a "$cluster:sky_workdir/results/$machine/" "results/$machine/" \
  || refuse "no results came back (sky launch ended with $status); if it runs, it stops when idle and its disk keeps them:
sky start $cluster, rsync again, sky down $cluster"
sky down --yes "$cluster"
exit "$status"

# On a machine of the inference tier, beside its verified artifacts: starts the pinned container, and ends well once it is ready
# and has answered twice. deploy/cloudformation.yaml sets REGION, NAME, CONTAINER, LOGS, DEVICE and ID. Nobody has run it there yet.
set -euo pipefail
refuse() { echo "deploy/boot: $1" >&2; docker logs --tail 20 tier >&2 || true; exit 1; }

aws ecr get-login-password --region "$REGION" | docker login --username AWS --password-stdin "${CONTAINER%%/*}"
# DEVICE is several words; what the tier prints are its metric lines, in the embedded metric format
# shellcheck disable=SC2086
docker run --detach --name tier --network host --stop-timeout 30 $DEVICE --volume "$PWD:/data" \
  --log-driver awslogs --log-opt "awslogs-region=$REGION" --log-opt "awslogs-group=$LOGS" \
  --log-opt "awslogs-stream=$NAME-$ID" --log-opt awslogs-format=json/emf "$CONTAINER" \
  serve /data/profile.yaml --results /data/results --name "$NAME" --host 0.0.0.0 --port 8001 --metrics -

# /readyz is 200 once the tier's own probe answers are the reference's; a container that ended never is
url=http://127.0.0.1:8001 status=none
for _ in $(seq "${LOOKS:-180}"); do
  status="$(curl -s -o /dev/null -w '%{http_code}' "$url/readyz" || true)"
  [ "$status" = 200 ] && break
  sleep "${LOOK_S:-5}"
done
[ "$status" = 200 ] || refuse "/readyz is $status after ${LOOKS:-180} looks; expected 200"

# twice from outside of it, as traffic comes
texts() { curl -sf -F image=@probe.jpg -F 'question=is the dog barking?' "$url/v1/answers" | grep -o '"text": *"[^"]*"'; }
first="$(texts)" || refuse "the first call got no answers; expected some"
second="$(texts)" || refuse "the second call got no answers; expected some"
[ "$first" = "$second" ] || refuse "the second call answered $second; expected what the first did, $first"

# The kit on AWS's own image with SDK 2.31.1, whose torch, torch-neuronx and compiler stay as they are:
#   docker build -t blipkit-neuron .
#   docker run --device=/dev/neuron0 --shm-size=2g -v "$PWD/results:/blipkit/results" \
#     -v "$HOME/.cache/huggingface:/root/.cache/huggingface" blipkit-neuron run inf2
# --shm-size: compiles exhaust the 64 MB that /dev/shm has by default. The second -v: the checkpoint is downloaded once.
# Swap is the host's: the container sees what the host has made (docs/renting.md). neuron-monitor is in the image, and runs in
# the container that it counts. Without --device it compiles: docker run -v ... blipkit-neuron run inf2 --only 02_trace
# A container that serves (blipkit serve, deploy/boot.sh) needs an extra of the kit's: docker build --build-arg EXTRAS=service ...
FROM public.ecr.aws/neuron/pytorch-inference-neuronx:2.9.0-neuronx-py312-sdk2.31.1-ubuntu24.04
# the image's own check asks a model server that does not run here
HEALTHCHECK NONE
WORKDIR /blipkit
COPY . .
ARG EXTRAS=
# what the image has installed becomes pip's constraints, so that nothing of it is moved; transformers is the tested one
RUN python -m pip list --format=freeze --exclude blipkit > /tmp/image.txt \
 && (grep -q '^transformers==' /tmp/image.txt || grep '^transformers==' constraints.txt) > /tmp/transformers.txt \
 && python -m pip install --no-cache-dir -c /tmp/image.txt -c /tmp/transformers.txt -e ".${EXTRAS:+[$EXTRAS]}" \
 && python -m pip list --format=freeze --exclude blipkit | grep -E '^(torch|torch-neuronx|neuronx-cc|libneuronxla)==' > /tmp/after.txt \
 && grep -Fxf /tmp/after.txt /tmp/image.txt | diff - /tmp/after.txt
ENTRYPOINT ["blipkit"]
CMD ["run", "inf2"]

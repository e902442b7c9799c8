"""Compiled components in memory: in this process, or, where they hold a NeuronCore, in a child."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from blipkit.display.progress import note
from blipkit.errors import BlipkitError
from blipkit.model.components import Component
from blipkit.records.typed import part
from blipkit.runners.arms import Arm, get_runner
from blipkit.runners.artifacts import Artifact
from blipkit.runners.assemble import Loaded, check_weights, load_artifact
from blipkit.runners.core_memory import check_core_memory
from blipkit.runners.neuron.proof import Execution, Watch, settle
from blipkit.runners.second_call import check_second_calls
from blipkit.runners.workers import Load, Run, Worker, array_of, check_host_memory, on_first_core


@dataclass(frozen=True, kw_only=True)
class ArmExecution:
    """What an arm sent to the device in one turn, and what its witnesses counted.

    arm: its text, "" in records of older kits.
    """

    arm: str = ""
    execution: Execution = part()


class ComponentLoader:
    """Loads components where they may be: those that hold a NeuronCore in a child of their arm's
    own, others in this process.

    The children take turns on the first core: an arm's is started when the arm is asked, and ended
    when another one is. Once a NaN arose, the runtime may report every later execution of that
    process as an error (docs/neuron.md), and no arm is to answer for another. A turn costs the
    start of a process, which imports torch and loads the arm: ask an arm all there is to ask before
    the next.
    """

    def __init__(self):
        self._artifacts: dict[Arm, list[Artifact]] = {}  # that hold a core
        self._turn: Turn | None = None
        self._executions: list[ArmExecution] = []
        self._is_closed = False

    def load(self, artifact: Artifact, component: Component) -> Loaded:
        """As `load_artifact`; what holds a NeuronCore is on it when it is first called."""
        arm = artifact.arm
        if not arm.spec.holds_core:
            return load_artifact(artifact, component)
        check_weights(artifact, component)
        get_runner(arm).check_loadable(artifact.build)
        self._artifacts.setdefault(arm, []).append(artifact)
        if self._turn and self._turn.arm == arm:
            self._end_turn()  # the next one loads this artifact, too
        return Loaded(artifact, component, partial(self._run, artifact))

    def _run(self, artifact: Artifact, *inputs: torch.Tensor) -> torch.Tensor:
        if self._is_closed:
            problem = "the child with the NeuronCore was ended"
            advice = "load the components again, with a new ComponentLoader()"
            raise BlipkitError(f"{problem}; {advice}")
        if self._turn and self._turn.arm != artifact.arm:
            self._end_turn()
        if self._turn is None:
            self._turn = Turn(artifact.arm, self._artifacts[artifact.arm])
        return self._turn.run(artifact, inputs)

    def _end_turn(self) -> None:
        turn = self._turn
        self._turn = None
        if turn:
            self._executions.append(ArmExecution(arm=str(turn.arm), execution=turn.end()))

    def close(self) -> list[ArmExecution]:
        """End the child, if there is one; a row for each turn that was taken."""
        self._is_closed = True
        self._end_turn()
        return self._executions


class Turn:
    """An arm's turn on the first core: its components in a child, and a watch over the device."""

    def __init__(self, arm: Arm, artifacts: Sequence[Artifact]):
        """BlipkitError where the core or the host has too little memory, an artifact does not
        answer twice, or the core is taken.
        """
        self.arm = arm
        check_core_memory(artifacts)
        # the files' bytes, and the models' that are made of them
        need_gib = 2 * sum(artifact.manifest.bytes for artifact in artifacts) / 2**30
        check_host_memory(f"loading {arm}", need_gib)
        check_second_calls(artifacts)
        note(f"loading {arm} onto a NeuronCore: {len(artifacts)} components")
        with contextlib.ExitStack() as stack:
            self._watch = stack.enter_context(Watch())
            environment = dict(self._watch.environment)
            environment.update(on_first_core())
            self._worker = Worker("blipkit.runners.workers:run_components", environment=environment)
            stack.callback(self._worker.close)
            for artifact in artifacts:
                self._worker.ask(Load(artifact.folder))
            self._stack = stack.pop_all()

    def run(self, artifact: Artifact, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """What a component makes of its inputs."""
        arrays = [array_of(tensor) for tensor in inputs]
        return torch.from_numpy(self._worker.ask(Run(artifact.folder, arrays)))

    def end(self) -> Execution:
        """End the child, which frees the core; what proves that it ran there."""
        with self._stack:
            settled = settle([self._worker.executed()])
        return self._watch.execution(settled)

"""A planned day: the knobs made into what is simulated, with the prices of its machines."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from blipkit.capacity.day import Scenario
from blipkit.capacity.demand import Burst, Demand, Repeats, day_of, with_burst
from blipkit.capacity.group import GroupRules
from blipkit.capacity.knobs import Capacity
from blipkit.capacity.measured import MeasuredMachine, find_load, measured_machine
from blipkit.capacity.shapes import DAY_S
from blipkit.capacity.stations import Retrying
from blipkit.cost.knobs import Cost
from blipkit.cost.prices import Price, find_price, load_prices
from blipkit.cost.provenance import in_words
from blipkit.cost.systems import differing_conditions
from blipkit.display.tables import show_table
from blipkit.errors import NotMeasured
from blipkit.records.results import Results
from blipkit.study import Study

# conditions of 04 that make a request, and in time, mean the same on both kinds of machine
ALIKE = ("questions", "call", "percentile", "latency_limit_ms")


@dataclass(frozen=True)
class Planned:
    """machine: of the fleet; gpu: of the overflow, None where none is named; prices: of both.

    scenario: the day with the slowest start; a GPU's times are in it where there is one.
    """

    knobs: Capacity
    machine: MeasuredMachine
    price: Price
    scenario: Scenario
    gpu: MeasuredMachine | None = None
    gpu_price: Price | None = None

    @property
    def carried_per_s(self) -> tuple[float, float]:
        """Requests per second that a machine of each kind carries."""
        gpu = self.gpu.carried_per_s.value if self.gpu else 0.0
        return self.machine.carried_per_s.value, gpu

    @property
    def events_per_day(self) -> float:
        """Of a camera, as they are in this day: a file's, or a holiday's, are not the knob's."""
        demand = self.scenario.demand
        return float(f"{demand.requests / demand.at_once / demand.cameras:.6g}")

    @property
    def usd_per_hour(self) -> tuple[float, float]:
        """Of a machine of each kind."""
        return self.price.usd_per_hour, self.gpu_price.usd_per_hour if self.gpu_price else 0.0

    def table(self) -> None:
        """What is simulated: the machine, its rate, and what the cameras ask of it."""
        demand = self.scenario.demand
        carried = self.machine.carried_per_s
        cells = {
            "machine": self.machine.title,
            "carried_per_s": carried.value,
            "carried_per_s_low": carried.low,
            "carried_per_s_high": carried.high,
            "from": self.machine.carried_from,
            "state": self.machine.carried_state,
            "usd_per_hour": self.price.usd_per_hour,
            "requests_a_day": round(demand.requests),
            "mean_per_s": demand.requests / DAY_S,
            "peak_per_s": float(demand.per_s.max()),
        }
        target = (
            f"p{self.machine.setting.percentile:g} within {1e3 * self.scenario.late_after_s:g} ms"
        )
        where = f"priced as {self.price.instance}, {self.price.option}, {self.price.region}"
        show_table([cells], f"What is simulated: {target}; {where}; {self.machine.caption}")

    def with_start(self, start_s: float) -> Scenario:
        """The day where machines take so long to start."""
        rules = rules_of(self.knobs, start_s)
        return replace(self.scenario, rules=rules)

    def as_slow_as(self, per_s: float) -> Scenario:
        """The day on machines that carry so many requests per second: their times in proportion."""
        factor = self.machine.carried_per_s.value / per_s
        first, *others = self.scenario.services
        return replace(self.scenario, services=[first.times(factor), *others])


def plan_day(study: Study) -> Planned:
    """The day of the study's knobs, on the machine that 04 measured."""
    knobs = study.knobs
    machine = measured_machine(study.results)
    cost = study.profile.section("cost")
    prices = load_prices(cost.own_prices)
    price = find_price(prices, cost.priced_as, cost.region, cost.option)
    gpu, gpu_price = _gpu(machine, knobs, cost, prices)
    scenario = scenario_of(knobs, machine, gpu)
    return Planned(knobs, machine, price, scenario, gpu, gpu_price)


def _gpu(
    machine: MeasuredMachine, knobs: Capacity, cost: Cost, prices: list[Price]
) -> tuple[MeasuredMachine | None, Price | None]:
    """The GPU machine that is named, and its price; None without one."""
    folder = knobs.instances.get("gpu_results")
    if not folder:
        return None, None
    gpu = measured_machine(Results(find_load(folder)))
    check_asked_alike(machine, gpu)
    instance = knobs.instances.get("gpu_priced_as", cost.incumbents[0])
    return gpu, find_price(prices, instance, cost.region, cost.option)


def check_asked_alike(own: MeasuredMachine, gpu: MeasuredMachine) -> None:
    """NotMeasured where a GPU's records are of other weights than the fleet's own, or of requests
    that are others, or judged by another target.
    """
    here, there = own.record.conditions, gpu.record.conditions
    if here.weights_digest != there.weights_digest:
        seen = f"{gpu.title} served {gpu.record.checkpoint}, the fleet {own.record.checkpoint}"
        raise NotMeasured(f"capacity.instances: {seen}; measure the same checkpoint on both")
    unlike = [name for name in differing_conditions(here, there) if name in ALIKE]
    if unlike:
        seen = f"{gpu.title} and the fleet differ in {', '.join(map(in_words, unlike))}"
        raise NotMeasured(f"capacity.instances: {seen}; measure both alike")


def scenario_of(
    knobs: Capacity, machine: MeasuredMachine, gpu: MeasuredMachine | None = None
) -> Scenario:
    """What is simulated, at the slowest start of the knobs."""
    machines = [machine] if gpu is None else [machine, gpu]
    setting = machine.setting
    faults = knobs.faults
    return Scenario(
        demand=demand_of(knobs),
        stations=[one.station(knobs.queue_limit) for one in machines],
        services=[one.service for one in machines],
        late_after_s=setting.latency_limit_ms / 1e3,
        late_share=round(1 - setting.percentile / 100, 9),
        rules=rules_of(knobs, max(knobs.start_s)),
        retrying=Retrying(int(faults.get("retries", 0)), faults.get("retry_s", 1.0)),
        balancer=knobs.balancer,
        metric_delay_s=faults.get("metric_delay_s", 0.0),
    )


def demand_of(knobs: Capacity) -> Demand:
    """What the cameras of the knobs ask."""
    bursts = knobs.bursts
    at_once = int(bursts.get("at_once", 1))
    demand = day_of(
        knobs.cameras,
        knobs.events_per_day,
        knobs.shape,
        knobs.peak_ratio,
        knobs.time_zones,
        at_once,
    )
    return replace(with_burst(demand, storm_of(bursts)), repeats=repeats_of(bursts))


def repeats_of(bursts: Mapping[str, float]) -> Repeats:
    """How a camera goes on after an event."""
    return Repeats(bursts.get("repeats", 0.0), bursts.get("repeat_s", 5.0))


def storm_of(bursts: Mapping[str, float]) -> Burst:
    """Many cameras at once; a share of none where no storm is named."""
    share, seconds = bursts.get("storm_share", 0.0), bursts.get("storm_s", 60.0)
    return Burst(share, seconds, bursts.get("storm_at_h", 20.0))


def rules_of(knobs: Capacity, start_s: float) -> GroupRules:
    """The group of the knobs, where machines take so long to start."""
    group = knobs.group
    return GroupRules(
        zones=knobs.zones,
        min_per_zone=int(group.get("min_per_zone", 1)),
        most=int(group.get("max_machines", 1000)),
        start_s=start_s,
        warmup_s=group.get("warmup_s", start_s),
        launch_failure=knobs.faults.get("launch_failure_share", 0.0),
    )

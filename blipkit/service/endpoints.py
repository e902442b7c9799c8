"""Two endpoints asked the same: the frames of a folder, sent to both in the form of
`POST /v1/answers`.
"""

import asyncio
import math
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from blipkit.errors import BadInput, BlipkitError, shown
from blipkit.frames.frames import LABELS, list_files
from blipkit.reading.files import read_bytes
from blipkit.service.lacks import Lacks
from blipkit.service.replies import answers_in
from blipkit.service.routing import is_sampled, sample_place
from blipkit.service.shadow import Answers, Pair
from blipkit.service.wire import (
    EXPECTED_IMAGE,
    FORMATS,
    ID_HEADER,
    LARGEST_BODY,
    PATH,
    Problem,
    detail_in,
)

if TYPE_CHECKING:
    from blipkit.service.asking import Said

Named = TypeVar("Named", Path, "CameraFrame")
TRIES = 3  # of a request that an endpoint refuses for lack of room
LONGEST_WAIT_S = 5.0
TIMEOUT_S = 30.0  # that a whole reply may take
MOST_SILENT = 10  # frames in a row without any reply: whoever is asked is gone, or hangs


@dataclass(frozen=True)
class CameraFrame:
    """A frame as a file. camera: its folder's name, "" for one right in the folder of all; place:
    among the camera's, by name.
    """

    path: Path
    camera: str
    place: int

    @property
    def name(self) -> str:
        """Its file's."""
        return self.path.name


@dataclass(frozen=True)
class Form:
    """What is asked about each frame. candidates: to choose from, the same for all questions."""

    questions: tuple[str, ...]
    candidates: tuple[str, ...] = ()


class NotAnswered(BlipkitError):
    """An endpoint that gave no answers to a request, and why."""


class NoReply(NotAnswered):
    """An endpoint of which no whole reply came."""


def frames_in(folder: Path, share: float) -> list[CameraFrame]:
    """The frames of a folder: those right in it, or, with folders in it, each a camera's.

    share: of the cameras, or of the frames where there is one camera; at least one. BadInput where
    nothing is there.
    """
    cameras = []
    if folder.is_dir():
        inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
        cameras = [path for path in inside if path.is_dir()]
    if not cameras:
        return _sample(_frames_of(folder, ""), share)
    sampled = _sample(sorted(cameras, key=lambda path: path.name), share)
    return [frame for path in sampled for frame in _frames_of(path, path.name)]


def _sample(several: list[Named], share: float) -> list[Named]:
    """A share of what has names, at least one, in the order given; always the same ones."""
    count = max(1, math.ceil(share * len(several)))
    taken = sorted(several, key=lambda one: sample_place(one.name))[:count]
    return [one for one in several if one in taken]


def _frames_of(folder: Path, camera: str) -> list[CameraFrame]:
    files = list_files(str(folder))
    return [CameraFrame(path, camera, place) for place, path in enumerate(files)]


def image_bytes(path: Path) -> bytes:
    """A frame's file, which has to be a JPEG or a PNG; BadInput names it."""
    content = read_bytes(path, LARGEST_BODY, EXPECTED_IMAGE)
    if not content.startswith(tuple(FORMATS.values())):
        raise BadInput(f"{path} is neither; {EXPECTED_IMAGE} in this folder, beside {LABELS}")
    return content


def check_url(text: str, option: str) -> str:
    """An endpoint's URL without its path; BadInput for what is none."""
    from urllib.parse import urlsplit

    expected = f"expected such as http://127.0.0.1:8080, without {PATH}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise BadInput(f"{option} {shown(text)}: {error}; {expected}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise BadInput(f"{option} {shown(text)}; {expected}")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise BadInput(f"{option} {shown(text)} has more than host and port; {expected}")
    return text.rstrip("/")


class Asker:
    """Asks endpoints, one request after another, over connections that are kept. timeout_s: that a
    whole reply may take.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S):
        import httpx

        from blipkit.service.asking import trusted

        self.timeout_s = timeout_s
        self._client = httpx.AsyncClient(timeout=timeout_s, trust_env=False, verify=trusted())
        self._runner = asyncio.Runner()

    def __enter__(self) -> "Asker":
        return self

    def __exit__(self, *_) -> None:
        with self._runner:
            self._runner.run(self._client.aclose())

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> "Said":
        """What an endpoint replies; NoReply where no whole one came in time, or one that is too
        large.
        """
        from blipkit.service import asking

        try:
            asked = asking.ask(self._client, url, headers, body, self.timeout_s)
            return self._runner.run(asked)
        except TimeoutError:
            raise NoReply(f"{url}: no whole reply in {self.timeout_s:g} s") from None
        except (asking.Died, Problem) as error:
            raise NoReply(f"{url}: {error}") from None


def ask(asker: Asker, url: str, form: Form, image: bytes, request_id: str) -> Answers:
    """An endpoint's answers about a frame; NotAnswered says why there are none.

    Where it has no room, it is asked again after the time that it says, three times in all.
    """
    from blipkit.service.asking import content_of

    body, content_type = _encoded(form, image)
    headers = {ID_HEADER: request_id, "Content-Type": content_type}
    for attempt in range(1, TRIES + 1):
        said = asker.post(url, headers, body)
        if said.status != 503 or attempt == TRIES:
            break
        time.sleep(_wait_s(said.retry_after))
    if said.status != 200:
        raise NotAnswered(f"{url}: status {said.status}: {detail_in(said.content)}")
    try:
        content, _ = content_of(said, request_id)
        return answers_in(content)
    except (ValueError, Problem) as error:
        raise NotAnswered(f"{url}: {error}") from None


def _encoded(form: Form, image: bytes) -> tuple[bytes, str]:
    """A request's body, and its content type."""
    import httpx

    fields = {"question": list(form.questions)}
    if form.candidates:
        fields["candidates"] = list(form.candidates)
    files = {"image": ("frame", image)}
    request = httpx.Request("POST", "http://endpoint", data=fields, files=files)
    return request.read(), request.headers["Content-Type"]


def _wait_s(after: str) -> float:
    """What Retry-After says, at most 5 s."""
    return min(float(after) if after.isdecimal() else 1.0, LONGEST_WAIT_S)


@dataclass(frozen=True)
class NotCompared:
    """A frame that one of both did not answer. by_candidate: the primary did."""

    why: str
    by_candidate: bool


@dataclass(frozen=True)
class Endpoints:
    """Both, and what they are asked. twice: share of frames that the primary is asked again."""

    primary: str
    candidate: str
    form: Form
    twice: float = 0.0


def ask_both(
    asker: Asker,
    endpoints: Endpoints,
    frames: Sequence[CameraFrame],
    tell: Callable[[NotCompared], None],
) -> Iterator[Pair]:
    """A pair for each frame that both answer. tell: is told why another one is not compared, as
    where the candidate answered other questions.

    Where so many frames in a row get no reply, each of which takes its time, the rest is not asked.
    """
    silent = 0
    for frame in frames:
        request_id = uuid.uuid4().hex
        image = image_bytes(frame.path)

        def asked(url: str, name: str, image: bytes = image) -> Answers:
            return ask(asker, url, endpoints.form, image, name)

        primary = pair = None
        try:
            primary = asked(endpoints.primary, request_id)
            candidate = asked(endpoints.candidate, request_id)
            pair = Pair(request_id, frame.camera, float(frame.place), primary, candidate)
            if is_sampled(f"again {frame.camera} {frame.name}", endpoints.twice):
                pair = replace(pair, again=asked(endpoints.primary, f"{request_id}-again"))
        except (NotAnswered, BadInput) as error:
            by_candidate = primary is not None and pair is None
            tell(NotCompared(f"{frame.name}: {error}", by_candidate))
            silent = silent + 1 if isinstance(error, NoReply) else 0
            if silent == MOST_SILENT:
                return
            continue
        silent = 0
        yield pair


def lacks_of(problems: Sequence[NotCompared], lacking: int) -> Lacks:
    """What was not compared, and why; lacking: all frames without a pair."""
    return Lacks(
        unanswered=sum(problem.by_candidate for problem in problems),
        left_out=lacking,
        not_asked=lacking - len(problems),
        by_candidate=bool(problems) and problems[-1].by_candidate,
    )

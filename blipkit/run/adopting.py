"""`blipkit adopt`: a component that somebody else compiled takes the place of the kit's own."""

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from blipkit.errors import BadInput, nearest
from blipkit.paths import ROOT
from blipkit.run.arguments import (
    COMPILED,
    RESULTS,
    SETTINGS,
    check_settings,
    profile_name,
)

if TYPE_CHECKING:
    from blipkit.model.buckets import Bucket
    from blipkit.profiles.profile import Profile
    from blipkit.runners.adopted import AdoptedFile
    from blipkit.runners.arms import Arm

commands = typer.Typer()

ASKS = typer.Option(help="the profile that will ask it", parser=profile_name)
IS = typer.Option(help="what it is: image_encoder, text_encoder, ...")
OF_ARM = typer.Option(help="whose component it is; default: the profile's only one")
IN_BUCKET = typer.Option(help="whose shapes it has, where it does not say them")
DTYPES = typer.Option(help="of its inputs, where it does not say them: int64,float32")
FLAGS = typer.Option(help="what neuronx-cc was told: '--auto-cast-type fp16'")
COMPILER = typer.Option("--neuronx-cc", help="the compiler's version, which reads the flags")


@commands.command()
def adopt(
    file: COMPILED,
    profile: Annotated[str, ASKS],
    component: Annotated[str, IS],
    arm: Annotated[str, OF_ARM] = "",
    bucket: Annotated[str, IN_BUCKET] = "",
    dtypes: Annotated[str, DTYPES] = "",
    flags: Annotated[str | None, FLAGS] = None,
    neuronx_cc: Annotated[str, COMPILER] = "",
    settings: SETTINGS = [],
    results: RESULTS = None,
) -> None:
    """Take up a file of torch.jit.save that you compiled yourself: 02 to 05 use it like ours.

    Its shapes and number formats must be the component's in one of the profile's buckets.
    """
    from blipkit.profiles.profile import load_profile

    check_settings(settings)
    if not file.is_file():
        raise BadInput(f"{file}: no such file; expected a component saved by torch.jit.save")
    loaded = load_profile(profile, settings)
    check_component(component)
    chosen = arm_of(loaded, arm)
    version = check_version(neuronx_cc)
    told = words_of(flags)
    buckets = buckets_of(loaded, bucket)

    from blipkit.model.checkpoints import load_checkpoint
    from blipkit.model.components import isolate
    from blipkit.runners.adopted import Offer
    from blipkit.runners.adopted import adopt as adopt_file

    components = isolate(load_checkpoint(loaded.common.checkpoint))
    formats = tuple(filter(None, (word.strip() for word in dtypes.split(","))))
    offer = Offer(file, components[component], chosen, formats, told, version)
    folder = (results or ROOT / "results" / loaded.name) / "artifacts"
    for line in lines_of(adopt_file(offer, buckets, folder), chosen):
        typer.echo(line)


def check_component(name: str) -> None:
    """Refuse the name of a component that no checkpoint has, before any is loaded."""
    from blipkit.model.components import COMPONENT_NAMES

    if name not in COMPONENT_NAMES:
        raise BadInput(f"--component {name!r}; {nearest(name, COMPONENT_NAMES)}")


def arm_of(profile: "Profile", text: str) -> "Arm":
    """The arm of a profile that a file is compiled for; its only one where none is named."""
    from blipkit.runners.arms import parse_arm

    arms = profile.common.arms
    if not text and len(arms) == 1:
        return parse_arm(arms[0])
    if not text:
        raise BadInput(f"--arm is not said, and {profile.name} has several: {', '.join(arms)}")
    arm = parse_arm(text)
    if text not in arms:
        problem = f"arm '{text}' is none of {profile.name}'s ({', '.join(arms)})"
        setting = shlex.quote(f'common.arms=["{text}"]')
        raise BadInput(f"{problem}, so nobody would ask it; add it there, or --set {setting}")
    return arm


def buckets_of(profile: "Profile", text: str) -> "list[Bucket]":
    """The buckets of a profile, or the one that is named as records name it: 1f-1q-8t-2c-4a."""
    from blipkit.model.buckets import parse_buckets

    buckets = parse_buckets(profile.common.buckets)
    if not text:
        return buckets
    named = [bucket for bucket in buckets if str(bucket) == text]
    if not named:
        raise BadInput(f"--bucket {text!r} is none of {profile.name}'s; {nearest(text, buckets)}")
    return named


def words_of(flags: str | None) -> tuple[str, ...] | None:
    """What a compiler was told, word by word as a shell reads it; None where nobody said."""
    if flags is None:
        return None
    try:
        words = tuple(shlex.split(flags))
    except ValueError as error:
        raise BadInput(f"--flags {flags!r}: {error}; write it as a shell takes it") from None
    for word in words:
        if not word.isprintable():
            raise BadInput(f"--flags has {word!r}; expected options as neuronx-cc takes them")
    return words


def check_version(text: str) -> str:
    """A compiler's version as `neuronx-cc --version` has it, or ""."""
    release = text.split(".")[:2]
    if text and not (len(release) == 2 and all(part.isdecimal() for part in release)):
        raise BadInput(f"--neuronx-cc {text!r}; expected a version such as 2.26.6360.0")
    return text


def lines_of(adopted: "AdoptedFile", arm: "Arm") -> list[str]:
    """What was adopted for an arm, in words."""
    from blipkit.runners.compiled import adopted_words

    build = adopted.build
    taken = ", ".join(f"{name} {kind}" for name, kind in build.adopted.takes.items())
    found = "adopted" if adopted.is_new else "was adopted already"
    return [
        f"{adopted.folder}: {found}",
        f"{build.component} of '{arm}', bucket {adopted.bucket}; it takes {taken}",
        adopted_words(build),
        "02 to 05 use it from now on; 03 says whether it computes what the component does",
    ]

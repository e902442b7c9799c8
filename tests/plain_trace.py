"""A user's own script: transformers and torch.jit.trace, 64-bit ids and masks, nothing of this project.

It leaves image_encoder.pt, text_encoder.pt and text_decoder.pt, and frozen.pt, a text encoder that does not say its inputs.
"""

import sys
from pathlib import Path

import torch
from transformers import BlipForQuestionAnswering


class Vision(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        return self.model(pixel_values, return_dict=False)[0]


class Text(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, mask, states, states_mask):
        return self.model(
            input_ids=ids,
            attention_mask=mask,
            encoder_hidden_states=states,
            encoder_attention_mask=states_mask,
            return_dict=False,
        )[0]


class TextForNeuron(Text):
    """The same without transformers' own masks, which look at values: a device's trace allows no such look."""

    def forward(self, ids, mask, states, states_mask):
        additive = (1.0 - mask[:, None, None, :].float()) * -10000.0
        return self.model.encoder(
            self.model.embeddings(input_ids=ids),
            attention_mask=additive,
            encoder_hidden_states=states,
            encoder_attention_mask=(1.0 - states_mask[:, None, None, :].float()) * -10000.0,
            return_dict=False,
        )[0]


def parts_of(checkpoint: str, tokens: int = 8, answer_tokens: int = 4) -> dict:
    """Name -> (module, example inputs): one frame, one question, one answer."""
    model = BlipForQuestionAnswering.from_pretrained(checkpoint).eval()
    size = model.config.vision_config.image_size
    pixels = torch.rand(1, 3, size, size)
    with torch.no_grad():
        states = model.vision_model(pixels)[0]
    ids = torch.ones(1, tokens, dtype=torch.int64)
    answer = torch.ones(1, answer_tokens, dtype=torch.int64)
    question = torch.rand(1, tokens, model.config.text_config.hidden_size)
    states_mask = torch.ones(states.shape[:2], dtype=torch.int64)
    return {
        "image_encoder": (Vision(model.vision_model), (pixels,)),
        "text_encoder": (
            Text(model.text_encoder),
            (ids, torch.ones_like(ids), states, states_mask),
        ),
        "text_decoder": (
            Text(model.text_decoder),
            (answer, torch.ones_like(answer), question, torch.ones_like(ids)),
        ),
    }


def trace_all(checkpoint: str, folder: Path) -> None:
    """Each part into a file of its name."""
    with torch.no_grad():
        for name, (module, inputs) in parts_of(checkpoint).items():
            traced = torch.jit.trace(module.eval(), inputs, check_trace=False)
            torch.jit.save(traced, folder / f"{name}.pt")
            if name == "text_encoder":
                torch.jit.save(torch.jit.freeze(traced), folder / "frozen.pt")


if __name__ == "__main__":
    trace_all(sys.argv[1], Path(sys.argv[2]))

"""Everything that reads what people and other machines wrote."""

import target_media
import target_metrics
import target_results
import target_service
import target_texts
import target_traced
import target_weights
import target_wire

MODULES = (
    target_texts,
    target_metrics,
    target_media,
    target_results,
    target_weights,
    target_traced,
    target_service,
    target_wire,
)
TARGETS = {target.name: target for module in MODULES for target in module.TARGETS}

"""Everything that reads what people and other machines wrote."""

import target_media
import target_metrics
import target_results
import target_texts
import target_traced
import target_weights

MODULES = (
    target_texts,
    target_metrics,
    target_media,
    target_results,
    target_weights,
    target_traced,
)
TARGETS = {target.name: target for module in MODULES for target in module.TARGETS}

"""Everything that reads what people and other machines wrote."""

import target_media
import target_results
import target_service
import target_texts
import target_traced
import target_weights

MODULES = (
    target_texts,
    target_media,
    target_results,
    target_weights,
    target_traced,
    target_service,
)
TARGETS = {target.name: target for module in MODULES for target in module.TARGETS}

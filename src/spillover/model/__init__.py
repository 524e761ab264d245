"""The nouns: frozen, slotted, without behaviour beyond their own form.

Those that come by the thousand are declared `gc=False`: they hold no cycles, so no collector need visit them.
"""

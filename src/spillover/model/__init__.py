"""The nouns: frozen, slotted, without behaviour beyond their own form."""

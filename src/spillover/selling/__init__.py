"""What is sold: packs, their payment by Stripe, and overage on its way to an invoice. Each library only when used."""

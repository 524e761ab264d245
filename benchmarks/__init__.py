"""What Spillover costs, beside the limit or a peer that is measured in the same run (`make bench`)."""

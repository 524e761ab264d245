"""What receivers are told: found in the books (`watching`), and delivered as Standard Webhooks (`delivery`)."""

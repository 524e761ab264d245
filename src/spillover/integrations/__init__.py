"""Libraries of others, access decided before and usage committed after. Each imports its library when it is used."""

"""A herd under every mutating method at once, killed and checked, or watched for what it holds on to."""

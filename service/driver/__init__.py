"""The driver: one study attempt on the cluster."""

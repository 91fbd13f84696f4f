"""What an operator may do: pure acts that make Changes, and the provisioning of what a file declares."""

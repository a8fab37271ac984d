"""Members: the workspace's own people, what each may do, and how they are invited and let go."""

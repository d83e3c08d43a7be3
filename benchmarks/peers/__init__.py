"""Other methods beside ours: same task, demonstrations, reward, judge and cores; each file says where it is from."""

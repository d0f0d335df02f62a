package journal

// DieAt lets the process die at the nth step that it does on the disk, from 1.
func (im *Import) DieAt(step int) { im.disk = disk{mortal: true, steps: step} }

// Alive reports whether it did not.
func (im *Import) Alive() bool { return im.disk.steps > 0 }

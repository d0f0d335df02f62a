package source

import "os"

// IsUnchanged is isUnchanged.
func IsUnchanged(name, file string, before os.FileInfo) error { return isUnchanged(name, file, before) }

package period

import "time"

// Zones returns the time zones that the package contains, by name.
func Zones() map[string]*time.Location {
	all := map[string]*time.Location{}
	for name, load := range zones() {
		all[name] = load()
	}
	return all
}

// Data returns the embedded file of time zones.
func Data() ([]byte, error) { return unzip(zoneinfo) }

// ReadZones returns the files in the embedded file of time zones, read anew.
func ReadZones() (map[string][]byte, error) {
	archive, err := Data()
	if err != nil {
		return nil, err
	}
	return filesOf(archive), nil
}

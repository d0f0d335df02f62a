package period

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/binary"
	"io"
	"sync"
	"time"
)

const utc = "UTC"

// zoneinfo is the time zone data that comes with Go. Windows depend only on it:
// not on the time zones of the machine, which time.LoadLocation prefers, and
// not on the variable ZONEINFO (ADR 18).
//
//go:generate sh -c "gzip -9n <$GOROOT/lib/time/zoneinfo.zip >zoneinfo.zip.gz"
//go:embed zoneinfo.zip.gz
var zoneinfo []byte

// zones returns the function that loads each time zone, by name. A zone is
// parsed once, at its first use. The number of zones bounds the memory.
//
//nolint:gochecknoglobals // a cache of what never changes
var zones = sync.OnceValue(func() map[string]func() *time.Location {
	archive, err := unzip(zoneinfo)
	if err != nil {
		return nil // not reached: TestZones reads the data
	}
	all := map[string]func() *time.Location{}
	for name, data := range filesOf(archive) {
		all[name] = sync.OnceValue(func() *time.Location {
			zone, err := time.LoadLocationFromTZData(name, data)
			if err != nil {
				return nil // not reached: TestZones loads each
			}
			return zone
		})
	}
	return all
})

// location returns the time zone with a name, or nil if there is none.
func location(name string) *time.Location {
	if name == "" || name == utc {
		return time.UTC
	}
	load, ok := zones()[name]
	if !ok {
		return nil
	}
	return load()
}

func unzip(compressed []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

// filesOf returns the files of a zip file that has neither compression nor a
// comment, such as Go's time zone data. archive/zip would make each function
// 80 KB larger.
//
// Source: sections 4.3.7, 4.3.12 and 4.3.16 of the zip specification,
// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
func filesOf(archive []byte) map[string][]byte {
	number := func(at, size int) int {
		var b [4]byte
		copy(b[:], archive[at:at+size])
		return int(binary.LittleEndian.Uint32(b[:]))
	}
	end := len(archive) - 22
	count, header := number(end+10, 2), number(end+16, 4)
	files := make(map[string][]byte, count)
	for range count {
		size, nameLength := number(header+24, 4), number(header+28, 2)
		name := string(archive[header+46 : header+46+nameLength])
		local := number(header+42, 4)
		data := local + 30 + number(local+26, 2) + number(local+28, 2)
		files[name] = archive[data : data+size]
		header += 46 + nameLength + number(header+30, 2) + number(header+32, 2)
	}
	return files
}

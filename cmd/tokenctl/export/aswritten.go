package export

import (
	"net/netip"
	"strings"
)

// asWritten returns the elements of a column. Those of a text are split at a
// separator and keep their spaces, because the other system compares them so.
func (f *fields) asWritten(column, separator string) []string {
	s, isText := f.values[column].(string)
	if !isText || strings.ContainsAny(s, "[{\"'") {
		return f.list(separator, column)
	}
	var list []string
	for _, element := range strings.Split(s, separator) {
		if strings.TrimSpace(element) != "" {
			list = append(list, element)
		}
	}
	return list
}

// checkAsWritten records a problem of a list with which New API or One API allow
// less than it seems to say.
func (f *fields) checkAsWritten() {
	if isOurs(f.values) {
		return
	}
	for _, column := range []string{"models", "model_limits"} {
		for _, m := range f.asWritten(column, ",") {
			if m != strings.TrimSpace(m) {
				f.wrong(column, "has spaces around a name, which New API and One API take for a part of it, so that no model matches: remove them to allow the model")
			}
		}
	}
	for _, m := range f.asWritten("model_limits", ",") {
		if isReplaced(m) {
			f.wrong("model_limits", "has a name such as gpt-4-gizmo-x, for which New API looks up gpt-4-gizmo-*, so that the name allows nothing: remove it, or list the pattern")
		}
	}
	for _, line := range f.asWritten("allow_ips", "\n") {
		if strings.Contains(strings.Trim(line, ", \t\r"), ",") {
			f.wrong("allow_ips", "has a comma between addresses, which New API drops, so that no address matches: write each in a line of its own to allow it")
		}
	}
	for _, entry := range f.asWritten("subnet", ",") {
		if _, err := netip.ParsePrefix(strings.TrimSpace(entry)); err != nil {
			f.wrong("subnet", "has an entry that is no network, with which One API allows no address: write a single address as 10.0.0.1/32, and commas between entries")
		}
	}
}

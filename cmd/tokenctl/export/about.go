package export

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// about returns warnings about what a file does not say, and about options that have no
// effect on it. all has the values of its rows.
func (d dialect) about(o Options, columns map[string]string, all []map[string]any) []string {
	if o.Compare {
		return nil
	}
	var warnings []string
	has := func(name string) bool { _, ok := columns[name]; return ok }
	ours := len(all) > 0 && isOurs(all[0])
	if d.name == newAPI().name && !ours && !o.ByID && (o.KeepKeys || has("user_id")) && !has("users") && !has("users.status") {
		warnings = append(warnings, "the file does not say which users are disabled or deleted: leave out their tokens, or they work here")
	}
	for _, name := range o.IgnoreColumns {
		if warning := d.notThere(name, columns); warning != "" {
			warnings = append(warnings, warning)
		}
	}
	if idle := o.Users.idle(d, all); len(idle) > 0 {
		warnings = append(warnings, fmt.Sprintf("lines of the file of --users that match no owner of a token: %s", strings.Join(idle, ", ")))
	}
	return warnings
}

// notThere returns a warning if a column that the user wants to ignore is neither in the
// file nor one of its system.
func (d dialect) notThere(name string, columns map[string]string) string {
	name = strings.ToLower(name)
	object, _, _ := strings.Cut(name, ".")
	_, isHere := columns[name]
	_, isPart := columns[object]
	inside := func(column string) bool { return strings.HasPrefix(column, name+".") }
	if isHere || isPart || !d.isUnknown(name) || slices.ContainsFunc(slices.Collect(maps.Keys(columns)), inside) || slices.ContainsFunc(d.columns, inside) {
		return ""
	}
	if column := wire.Nearest(name, slices.Sorted(maps.Keys(columns))); column != "" {
		return fmt.Sprintf("the file has no column %s to ignore: did you mean %s", nameShown(name), nameShown(column))
	}
	return fmt.Sprintf("the file has no column %s to ignore", nameShown(name))
}

// idle returns the users of the other system who own no token of the rows.
func (u Users) idle(d dialect, all []map[string]any) []string {
	owners := map[string]bool{}
	for _, column := range slices.Concat(d.owners...) {
		for _, values := range all {
			s, _ := asText(values[column])
			owners[s] = true
		}
	}
	var idle []string
	for _, source := range slices.Sorted(maps.Keys(u)) {
		if !owners[source] {
			idle = append(idle, shortened(source))
		}
	}
	return idle
}

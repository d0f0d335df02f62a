package wire

import "strings"

// Nearest returns the known name that somebody probably meant by one that is not
// known, or "" if none is near. Case, underscores and hyphens make no difference.
func Nearest(name string, known []string) string {
	const longest = 64
	plain := plainName(name)
	if len(plain) > longest {
		return ""
	}
	best, most := "", len(plain)/4+min(len(plain)/3, 1) // none in two letters, one in three, two in four
	for _, candidate := range known {
		if d := editDistance(plain, plainName(candidate)); d <= most {
			best, most = candidate, d-1
		}
	}
	return best
}

func plainName(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
}

// editDistance returns how many letters must be inserted, removed, replaced, or
// swapped with their neighbour, to make one text of another.
func editDistance(a, b string) int {
	var before, last []int
	for j := range len(b) + 1 {
		last = append(last, j)
	}
	for i := range len(a) {
		row := []int{i + 1}
		for j := range len(b) {
			d := last[j]
			if a[i] != b[j] {
				d++
			}
			d = min(d, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, before[j-1]+1)
			}
			row = append(row, d)
		}
		before, last = last, row
	}
	return last[len(b)]
}

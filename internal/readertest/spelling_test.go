package readertest_test

import (
	"regexp"
	"testing"
)

// TestSpelling checks that documents have British spellings, as docs/style.md says,
// except in code and in the targets of links.
func TestSpelling(t *testing.T) {
	t.Parallel()
	notText := regexp.MustCompile("(?s)```.*?```|`[^`\n]*`|\\]\\([^)]*\\)")
	american := regexp.MustCompile(`(?i)\b(\w*(recogniz|summariz|synchroniz|serializ|initializ|normaliz|minimiz|optimiz|behavior|favor|honor|analyz)\w*|color|center|licenses?d?|canceled|labeled|catalog|defense)\b`)
	for _, path := range documents(t) {
		for _, word := range american.FindAllString(notText.ReplaceAllString(textOf(t, path), "]"), -1) {
			if word != "LICENSE" { // the name of the file
				t.Errorf("%s: %q is not British", path, word)
			}
		}
	}
}

package suitetest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/suitetest"
)

// TestUnexpected checks that a failed sub-test does not count as a failure of its
// parent, and that a panic counts.
func TestUnexpected(t *testing.T) {
	const output = `{"Action":"start"}
{"Action":"output","Test":"A","Output":"=== RUN A\n"}
{"Action":"output","Test":"A/listed","Output":"    a_test.go:1: got 2\n"}
{"Action":"fail","Test":"A/listed"}
{"Action":"pass","Test":"A/passes"}
{"Action":"fail","Test":"A"}
{"Action":"output","Test":"B","Output":"    b_test.go:1: B itself\n"}
{"Action":"fail","Test":"B/listed"}
{"Action":"fail","Test":"B"}
{"Action":"output","Test":"C","Output":"panic: C\n"}
{"Action":"fail","Test":"C"}
{"Action":"fail"}
`
	results, err := suitetest.ReadResults([]byte(output))
	if err != nil {
		t.Fatal(err)
	}
	got := suitetest.Unexpected(results, map[string]string{"A/listed": "of a", "A/passes": "of b", "A/gone": "of c", "B/listed": "of d"})
	want := []string{
		"failed:     b_test.go:1: B itself\n",
		"failed: panic: C\n",
		"A/gone did not fail, but is in the list because of c: remove it",
		"A/passes did not fail, but is in the list because of b: remove it",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unexpected results (-want +got):\n%s", diff)
	}
	if _, err := suitetest.ReadResults([]byte(`{"Action":"build-fail"}`)); err == nil {
		t.Error("got no error where no test ran, want one")
	}
}

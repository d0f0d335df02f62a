package credential_test

import (
	"fmt"
	"strings"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// A key names its user and its token. It prints its mask; only Reveal returns
// its text.
func ExampleParseKey() {
	plain := credential.NewKey(7, 42).Reveal()

	key, err := credential.ParseKey(plain)
	fmt.Println(key.UserID, key.TokenID, err)
	fmt.Println(strings.Contains(fmt.Sprint(key), "**********"), key.Reveal() == plain)

	_, err = credential.ParseKey(plain + "x")
	fmt.Println(err)
	// Output:
	// 7 42 <nil>
	// true true
	// malformed credential
}

func ExampleRedact() {
	fmt.Println(credential.Redact("401 for sk-proj-8fGh27KdPq90, see task-management"))
	// Output: 401 for sk-**********, see task-management
}

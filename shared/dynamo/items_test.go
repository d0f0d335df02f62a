package dynamo_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

var update = flag.Bool("update", false, "rewrite the golden files") //nolint:gochecknoglobals // a test flag

func text(length int) types.AttributeValue {
	return &types.AttributeValueMemberS{Value: strings.Repeat("x", length)}
}

// fixed returns a token whose item is the same in every run.
func fixed(u token.Settings) token.Token {
	t, err := token.New(u, 1, dynamotest.Epoch)
	if err != nil {
		panic(err)
	}
	t.ID, t.KeyHash, t.Mask = 42, [32]byte{1, 2, 3}, "sk-AbCd**********wxyz"
	return t
}

// largestUser returns a user with every attribute at its largest.
func largestUser() (token.User, pages.Segment) {
	u := token.User{
		ID: 1<<40 - 1, Name: strings.Repeat("n", 50), Role: token.RoleGuest, Disabled: true, Version: 999_999, Created: dynamotest.Epoch + 1,
		LastTokenID: 999_999_999_999, DeletedTokens: 999_999_999_998, RateTAT: 1e6*dynamotest.Epoch + 1, ChangeTAT: 1e6*dynamotest.Epoch + 1,
		Limits:        token.Limits{MaxTokens: 999_999_999, CreatesPerSecond: 999_999_999, CreateBurst: 999_999_999, ChangesPerSecond: 999_999_999, ChangeBurst: 999_999_999},
		StopOrders:    9_999,
		WalletOrder:   9_999, // turned off
		Groups:        []string{strings.Repeat("g", 64), strings.Repeat("h", 62)},
		PolicyVersion: 999_998,
	}
	for i := range u.Slots {
		u.Slots[i] = token.Slot{Hash: [32]byte{byte(i + 1)}, UserVersion: 999_999 - int64(i), Created: dynamotest.Epoch + 1, Expires: dynamotest.Epoch + 99_999}
	}
	var counts pages.Segment
	for i := range counts {
		counts[i] = pages.BucketSize
	}
	return u, counts
}

// shapes returns items by the name of their golden file.
func shapes() map[string]item {
	full := example()
	full.AllowIPs, full.Group = []string{"10.0.0.0/8", "2001:db8::/32"}, new("team")
	full.ExpiredTime, full.Disabled, full.UnlimitedQuota = new(int64(dynamotest.Epoch+3600)), new(true), new(true)
	user := token.User{ID: 1, Name: "demo", Role: token.RoleUser, Version: 1, Created: dynamotest.Epoch, Limits: token.DefaultLimits()}
	user.Slots[0] = token.Slot{Hash: [32]byte{9}, UserVersion: 1, Created: dynamotest.Epoch}
	largest, counts := largestUser()
	return map[string]item{
		"token":      dynamo.TokenItem(fixed(example())),
		"token-full": dynamo.TokenItem(fixed(full)),
		"meta":       dynamo.MetaItem(user, pages.Segment{}),
		"meta-full":  dynamo.MetaItem(largest, counts),
		"seg":        dynamo.SegItem(1, 3, pages.Segment{0: 5, 63: 256}),
	}
}

// Items are stored in the documented form.
func TestItemsMatchGoldenFiles(t *testing.T) {
	t.Parallel()
	for name, it := range shapes() {
		var got bytes.Buffer
		encoder := json.NewEncoder(&got)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(wire(it)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "%d bytes\n", itemSize(it))
		file := filepath.Join("testdata", name+".golden")
		if *update {
			if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file) //nolint:gosec // a golden file
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s -want +got:\n%s", file, diff)
		}
	}
}

// META stays within 1 KiB, one write unit, with every attribute at its largest but the
// note of its last change, which the next write removes.
func TestLargestMetaSize(t *testing.T) {
	t.Parallel()
	if got := itemSize(shapes()["meta-full"]); got > 1024 {
		t.Errorf("the largest META has %d bytes, want at most 1024", got)
	}
}

// The contract's example token takes at most 400 bytes.
func TestTypicalTokenSize(t *testing.T) {
	t.Parallel()
	if got := itemSize(dynamo.TokenItem(exampleToken(t, 1, 123_456))); got > 400 {
		t.Errorf("the contract's example has %d bytes, want at most 400", got)
	}
}

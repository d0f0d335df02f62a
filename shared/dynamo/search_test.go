package dynamo_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A search that follows Next finds each matching token once, however many tokens
// are deleted. No request reads more than META, two segments, 128 buckets and
// 2,000 tokens of less than 400 bytes.
func TestSearchWindows(t *testing.T) {
	t.Parallel()
	const given, bytes, maxBuckets = 20_000, 400, 128
	const most = 1 + 2 + maxBuckets + token.MaxSearchWindow*bytes/4096
	names := []string{"Red apple", "green APPLE", "pear", "Quince"}
	for _, percent := range []int{0, 30, 99} {
		t.Run(fmt.Sprint(percent, "% deleted"), func(t *testing.T) {
			t.Parallel()
			kit := newKit(t)
			tenant := kit.Tenant(t, "searching")
			random := seeded(21, percent)
			gone := map[int64]bool{}
			for id := int64(1); id <= given; id++ {
				// Whole buckets and whole segments are deleted too.
				gone[id] = random.IntN(100) < percent || percent > 0 && (id/pages.BucketSize)%7 == 3 || percent == 99 && id/pages.SegmentSize == 1
			}
			nameOf := func(id int64) string { return names[id%4] }
			loadTokens(t, kit, tenant, given, func(id int64) bool { return gone[id] }, func(id int64) token.Token {
				tok := exampleToken(t, tenant.Access.UserID, id)
				tok.Name = nameOf(id)
				return tok
			})
			var want []int64
			for id := int64(given); id > 0; id-- {
				if !gone[id] && id%4 < 2 {
					want = append(want, id)
				}
			}
			query := token.Query{Keyword: "Apple"}
			for _, size := range []int64{700, 1 << 40} {
				var got []int64
				requests := 0
				for after := int64(given + 1); after > 0; requests++ {
					ctx, meter := reqlog.WithMeter(t.Context())
					search := tenant.SearchAfter
					if requests == 0 { // a walk may begin with the first page
						after, search = given+1, func(ctx context.Context, at credential.AccessToken, q token.Query, _, size int64) (token.Page, error) {
							return tenant.Search(ctx, at, q, 1, size)
						}
					}
					page, err := search(ctx, tenant.Access, query, after, size)
					if err != nil {
						t.Fatal(err)
					}
					if cost := meter.Cost(); cost.ReadUnits > most || cost.RoundTrips > maxBuckets+2 || cost.WriteUnits > 0 {
						t.Errorf("below %d: got %+v, want at most %d read units and %d round trips", after, cost, most, maxBuckets+2)
					}
					if page.Next >= after {
						t.Fatalf("below %d: got next %d, want a lower one", after, page.Next)
					}
					got, after = append(got, idsOf(page)...), page.Next
				}
				if !slices.Equal(got, want) {
					t.Errorf("by pages of %d: found %d tokens in %d requests, want these %d", size, len(got), requests, len(want))
				}
			}
			first, err := tenant.Search(t.Context(), tenant.Access, query, 2, 10)
			if n := min(20, len(want)); err != nil || percent < 99 && !slices.Equal(idsOf(first), want[10:n]) {
				t.Errorf("page 2: got ids %v, %v, want %v", idsOf(first), err, want[10:n])
			}
		})
	}
}

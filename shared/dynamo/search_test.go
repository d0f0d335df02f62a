package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

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
	const window = 2 + 2 + maxBuckets + token.MaxSearchWindow*bytes/4096
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
					found := len(page.Tokens)
					if cost, most, trips := meter.Cost(), float64(window+found), maxBuckets+3+found/100; cost.ReadUnits > most || cost.RoundTrips > trips || cost.WriteUnits > 0 {
						t.Errorf("below %d: got %+v, want at most %v read units and %d round trips", after, cost, most, trips)
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

// A search of many tokens finds those that were created just now: it reads every bucket
// with one of the newest 100 strongly consistently, and the others for half the price.
func TestSearchFindsNewTokens(t *testing.T) {
	t.Parallel()
	for last, want := range map[int64]map[string]bool{ // by partition: strongly consistent
		100: {"T#1#0": true},
		300: {"T#1#0": true, "T#1#1": true},
		400: {"T#1#0": false, "T#1#1": true},
		600: {"T#1#0": false, "T#1#1": true, "T#1#2": true},
	} {
		t.Run(fmt.Sprint(last), func(t *testing.T) {
			t.Parallel()
			kit := newKit(t)
			tenant := kit.Tenant(t, "searching")
			load(t, kit, tenant, last, nil)
			var mu sync.Mutex
			got := map[string]bool{}
			store := kit.StoreWith(onInput(func(input any) {
				if in, ok := input.(*dynamodb.QueryInput); ok {
					partition, _ := in.ExpressionAttributeValues[":partition"].(*types.AttributeValueMemberS)
					mu.Lock()
					got[partition.Value] = *in.ConsistentRead
					mu.Unlock()
				}
			}))
			page, err := tenant.WithStore(store).Search(t.Context(), tenant.Access, token.Query{}, 1, 1)
			if err != nil || page.Total != last || len(page.Tokens) != 1 || page.Tokens[0].ID != last {
				t.Errorf("got %+v, %v, want token %d of as many", page, err, last)
			}
			if !maps.Equal(got, want) {
				t.Errorf("got the partitions %v, want %v", got, want)
			}
		})
	}
}

// What a search returns is as it is stored when it answers: a token that has been
// renamed or deleted since it was compared is left out.
func TestSearchReadsItsPage(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "searching")
	load(t, kit, tenant, 300, nil)
	change := &interrupter{op: "BatchGetItem", act: sync.OnceFunc(func() {
		if _, err := tenant.Update(t.Context(), tenant.Access, 300, token.Settings{Name: new("other")}); err != nil {
			t.Error(err)
		}
		if err := tenant.Delete(t.Context(), tenant.Access, 299); err != nil {
			t.Error(err)
		}
		if _, err := tenant.Update(t.Context(), tenant.Access, 298, token.Settings{Group: new("vip")}); err != nil {
			t.Error(err)
		}
	})}
	page, err := tenant.WithStore(kit.StoreWith(change.configure)).Search(t.Context(), tenant.Access, token.Query{Keyword: "production"}, 1, 3)
	if err != nil || len(page.Tokens) != 1 || page.Tokens[0].ID != 298 || page.Tokens[0].Group != "vip" || len(page.Tokens[0].Models) == 0 {
		t.Errorf("got %+v, %v, want token 298 alone, as it is now", page.Tokens, err)
	}
	if page.Total != 300 || page.Next != 298 {
		t.Errorf("got total %d, next %d, want 300 that matched and 298", page.Total, page.Next)
	}
}

// onInput is a client option that passes on the input of each call.
func onInput(see func(any)) func(*dynamodb.Options) {
	return func(o *dynamodb.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("onInput",
				func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
					see(in.Parameters)
					return next.HandleInitialize(ctx, in)
				}), middleware.Before)
		})
	}
}

// A search leaves out a token whose deletion was interrupted.
func TestSearchLeavesOutRevoked(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "searching")
	load(t, kit, tenant, 300, nil)
	ctx, stop := context.WithCancel(t.Context())
	halt := &interrupter{op: "TransactWriteItems", act: stop}
	errs, err := tenant.WithStore(kit.StoreWith(halt.configure)).DeleteAll(ctx, tenant.Access, []int64{7}, nil) // it revokes first
	if err = errors.Join(append(errs, err)...); err == nil {
		t.Fatal("the deletion was not interrupted")
	}
	for _, q := range []token.Query{{}, {Status: token.Enabled}} {
		page, err := tenant.Search(t.Context(), tenant.Access, q, 1, 1_000)
		if err != nil || page.Total != 299 || len(page.Tokens) != 299 || slices.Contains(idsOf(page), 7) {
			t.Errorf("%+v: got %d of %d, %v, want all but token 7", q, len(page.Tokens), page.Total, err)
		}
	}
}

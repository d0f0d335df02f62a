package dynamo_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// newKit starts an engine and fails the test if its client makes a call that the
// store must never make.
func newKit(t *testing.T) *dynamotest.Kit {
	t.Helper()
	recorder := new(dynamotest.CallRecorder)
	t.Cleanup(func() {
		violations := recorder.Violations()
		slices.Sort(violations)
		for _, v := range slices.Compact(violations) {
			t.Error("wrong call: ", v)
		}
	})
	return dynamotest.New(t, recorder.Configure, sent.Configure)
}

// example has the settings of the contract's "Create a token" example.
func example() token.Settings {
	return token.Settings{
		Name: new("production-app"), RemainQuota: new(int64(500_000)), ExpiredTime: new(int64(token.Never)),
		ModelLimitsEnabled: new(true), Models: []string{"gpt-4o", "gpt-4o-mini"},
	}
}

// exampleToken returns the example as a token of a user, with a new key.
func exampleToken(t testing.TB, userID, id int64) token.Token {
	t.Helper()
	draft, err := token.New(example(), userID, dynamotest.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	key := credential.NewKey(userID, id)
	draft.ID, draft.KeyHash, draft.Mask = id, key.Hash(), key.Mask()
	return draft
}

// load gives a tenant the ids 1 to given, of which those that deleted selects
// are deleted. It writes the items in batches, as the store would write them.
func load(t *testing.T, kit *dynamotest.Kit, tenant *dynamotest.Tenant, given int64, deleted func(id int64) bool) {
	t.Helper()
	loadTokens(t, kit, tenant, given, deleted, func(id int64) token.Token { return exampleToken(t, tenant.Access.UserID, id) })
}

// loadTokens is load with tokens that the test makes.
func loadTokens(t *testing.T, kit *dynamotest.Kit, tenant *dynamotest.Tenant, given int64, deleted func(id int64) bool, newToken func(id int64) token.Token) {
	t.Helper()
	uid := tenant.Access.UserID
	users, err := kit.Store.Users(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	user := users[slices.IndexFunc(users, func(u token.User) bool { return u.ID == uid })]
	user.LastTokenID, user.DeletedTokens = given, 0
	counts := map[int64]pages.Segment{}
	items := make(chan map[string]types.AttributeValue, 100)
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() { writeBatches(t, kit, items) })
	}
	for id := int64(1); id <= given; id++ {
		if deleted == nil || !deleted(id) {
			items <- dynamo.TokenItem(newToken(id))
			continue
		}
		user.DeletedTokens++
		c := counts[(id-1)/pages.SegmentSize]
		c[(id-1)%pages.SegmentSize/pages.BucketSize]++
		counts[(id-1)/pages.SegmentSize] = c
	}
	items <- dynamo.MetaItem(user, counts[0])
	for seg, c := range counts {
		if seg > 0 {
			items <- dynamo.SegItem(uid, seg, c)
		}
	}
	close(items)
	writers.Wait()
}

// writeBatches goes on after an error, so that the sender is not blocked.
func writeBatches(t *testing.T, kit *dynamotest.Kit, items <-chan map[string]types.AttributeValue) {
	client := dynamotest.Client(kit.Endpoint)
	var batch []types.WriteRequest
	write := func() {
		out, err := client.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{dynamotest.Table: batch},
		})
		if err != nil || len(out.UnprocessedItems) > 0 {
			t.Error("batch write: ", err)
		}
		batch = batch[:0]
	}
	for it := range items {
		batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: it}})
		if len(batch) == 25 {
			write()
		}
	}
	if len(batch) > 0 {
		write()
	}
}

// mustCreate creates n tokens.
func mustCreate(t testing.TB, tenant *dynamotest.Tenant, n int) {
	t.Helper()
	for i := range n {
		if _, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new(fmt.Sprint("token ", i))}); err != nil {
			t.Fatalf("create: %v", err)
		}
	}
}

func mustList(t testing.TB, tenant *dynamotest.Tenant, page, size int64) token.Page {
	t.Helper()
	p, err := tenant.List(t.Context(), tenant.Access, page, size)
	if err != nil {
		t.Fatalf("list page %d of %d: %v", page, size, err)
	}
	return p
}

// seeded returns a generator with the same numbers in every run.
func seeded(test, variant int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(test), uint64(variant))) //nolint:gosec // not secret; not negative
}

func idsOf(p token.Page) []int64 {
	ids := make([]int64, len(p.Tokens))
	for i, tok := range p.Tokens {
		ids[i] = tok.ID
	}
	return ids
}

// walk returns the ids of all tokens, newest first, as ListAfter finds them.
func walk(t testing.TB, tenant *dynamotest.Tenant, size int64) []int64 {
	t.Helper()
	return walkFrom(t, tenant, token.MaxInteger, size)
}

// walkFromPage is walk that begins with the first page of List.
func walkFromPage(t testing.TB, tenant *dynamotest.Tenant, size int64) []int64 {
	t.Helper()
	page := mustList(t, tenant, 1, size)
	return append(idsOf(page), walkFrom(t, tenant, page.Next, size)...)
}

func walkFrom(t testing.TB, tenant *dynamotest.Tenant, next, size int64) []int64 {
	t.Helper()
	var ids []int64
	for next > 0 {
		page, err := tenant.ListAfter(t.Context(), tenant.Access, next, size)
		if err != nil {
			t.Fatalf("list after %d: %v", next, err)
		}
		ids = append(ids, idsOf(page)...)
		if page.Next >= next {
			t.Fatalf("the page after %d goes on after %d", next, page.Next)
		}
		next = page.Next
	}
	return ids
}

// naivePage returns a page of a plain list of ids in ascending order.
func naivePage(live []int64, page, size int64) []int64 {
	ids := []int64{}
	for i := int64(len(live)) - 1 - (page-1)*size; i >= 0 && int64(len(ids)) < size; i-- {
		ids = append(ids, live[i])
	}
	return ids
}

// onlyRevoke begins to delete a token, in a process that dies before it removes it.
func onlyRevoke(t testing.TB, kit *dynamotest.Kit, tenant *dynamotest.Tenant, id int64) {
	t.Helper()
	var process dynamotest.Process
	dying := tenant.WithStore(kit.StoreWith(process.Configure))
	_, _ = dying.DeleteAll(process.Start(t.Context(), 4, false), tenant.Access, []int64{id}, nil) // two reads, the revocation, and the removal
	if !process.Stop() {
		t.Fatal("the deletion was not interrupted")
	}
}

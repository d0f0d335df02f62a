package dynamotest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// A bucket has 256 ids, and a segment 64 buckets. The audit has its own copy of
// the layout, so that it finds a mistake in the store's.
const (
	bucketSize     = 256
	segmentBuckets = 64
)

// An Audit has the counters and tokens of a user, read item by item.
type Audit struct {
	Given, Deleted int64
	IDs            []int64 // of the stored tokens, ascending
}

// Audit reads every item of a user. It fails the test unless counters and tokens
// agree: no id is above seq, no deletion is unfinished, no key is used twice, and
// in every bucket the tokens stored are the ids given minus the deletions counted.
func (k *Kit) Audit(t testing.TB, userID int64) Audit {
	t.Helper()
	return auditOf(t, k.items(t), userID)
}

// AuditAll is Audit for many users, and reads the table once.
func (k *Kit) AuditAll(t testing.TB, userIDs []int64) {
	t.Helper()
	all := k.items(t)
	for _, id := range userIDs {
		auditOf(t, all, id)
	}
}

func auditOf(t testing.TB, items []map[string]types.AttributeValue, userID int64) Audit {
	t.Helper()
	var a Audit
	counted := map[int64]int64{} // deletions by bucket
	stored := map[int64]int64{}  // tokens by bucket
	hashes := map[string]bool{}
	user, tokens := fmt.Sprintf("U#%d", userID), fmt.Sprintf("T#%d#", userID)
	for _, it := range items {
		partition, id := it["pk"].(*types.AttributeValueMemberS).Value, integer(it, "sk")
		switch {
		case partition == user:
			if id == 0 {
				a.Given, a.Deleted = integer(it, "seq"), integer(it, "del")
			}
			for n := range int64(segmentBuckets) {
				counted[id*segmentBuckets+n] = integer(it, "d"+strconv.FormatInt(n, 10))
			}
		case strings.HasPrefix(partition, tokens):
			bucket := (id - 1) / bucketSize
			if partition != tokens+strconv.FormatInt(bucket, 10) {
				t.Errorf("token %d is in partition %s", id, partition)
			}
			hash, ok := it["hash"].(*types.AttributeValueMemberB)
			if !ok || it["killed"] != nil {
				t.Errorf("token %d is revoked but not removed", id)
				continue
			}
			if hashes[string(hash.Value)] {
				t.Errorf("token %d has another token's key", id)
			}
			hashes[string(hash.Value)] = true
			stored[bucket]++
			a.IDs = append(a.IDs, id)
		}
	}
	slices.Sort(a.IDs)
	a.check(t, counted, stored)
	return a
}

func (a Audit) check(t testing.TB, counted, stored map[int64]int64) {
	t.Helper()
	var deleted int64
	for bucket := range max(a.Given/bucketSize+1, int64(len(counted))) {
		given := max(0, min(a.Given-bucket*bucketSize, bucketSize))
		if got, want := stored[bucket], given-counted[bucket]; got != want {
			t.Errorf("bucket %d has %d tokens, want %d given - %d deleted", bucket, got, given, counted[bucket])
		}
		deleted += counted[bucket]
	}
	if a.Deleted != deleted {
		t.Errorf("META has %d deletions, the buckets %d", a.Deleted, deleted)
	}
	if n := len(a.IDs); n > 0 && (a.IDs[0] < 1 || a.IDs[n-1] > a.Given) {
		t.Errorf("got ids %d to %d, but 1 to %d were given", a.IDs[0], a.IDs[n-1], a.Given)
	}
}

// items reads the whole table.
func (k *Kit) items(t testing.TB) []map[string]types.AttributeValue {
	t.Helper()
	var all []map[string]types.AttributeValue
	pages := dynamodb.NewScanPaginator(Client(k.Endpoint),
		&dynamodb.ScanInput{TableName: aws.String(Table)})
	const maxAttempts = 3
	for attempt := 1; pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil && attempt < maxAttempts { // rarely, the engine closes the connection during a scan
			attempt++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Items...)
	}
	return all
}

// Contains reports whether any value in the table contains the secret: a string,
// bytes, or a name or value in a list or map.
func (k *Kit) Contains(t testing.TB, secret string) bool {
	t.Helper()
	return slices.ContainsFunc(k.items(t), func(it map[string]types.AttributeValue) bool {
		return contains(&types.AttributeValueMemberM{Value: it}, secret)
	})
}

func contains(value types.AttributeValue, secret string) bool {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return strings.Contains(v.Value, secret)
	case *types.AttributeValueMemberB:
		return strings.Contains(string(v.Value), secret)
	case *types.AttributeValueMemberL:
		return slices.ContainsFunc(v.Value, func(e types.AttributeValue) bool { return contains(e, secret) })
	case *types.AttributeValueMemberM:
		for name, e := range v.Value {
			if strings.Contains(name, secret) || contains(e, secret) {
				return true
			}
		}
	}
	return false
}

// integer reads a number; it is 0 if there is none.
func integer(it map[string]types.AttributeValue, name string) int64 {
	v, ok := it[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	n, _ := strconv.ParseInt(v.Value, 10, 64) // the store writes nothing else
	return n
}

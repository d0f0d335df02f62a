package dynamo_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The entry of a purge comes after that of an update in the same second, whenever in that
// second the update was made. A clock that is ahead makes it the last millisecond.
func TestAuditPurgeComesLast(t *testing.T) {
	t.Parallel()
	for name, offset := range map[string]time.Duration{
		"first_millisecond": 0, "half": 500 * time.Millisecond, "last_millisecond": 999 * time.Millisecond, "clock_ahead": time.Minute,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAudited(t)
			second := time.Unix(a.tenant.UnixNow(), 0)
			if _, _, err := a.tenant.Create(t.Context(), a.tenant.Access, token.Settings{Name: new("a"), ExpiredTime: new(second.Unix() + 10)}); err != nil {
				t.Fatal(err)
			}
			if _, err := a.tenant.Update(t.Context(), a.tenant.Access, 1, token.Settings{Name: new("b")}); err != nil {
				t.Fatal(err)
			}
			if n, err := a.Engine.Sweep(t.Context()); err != nil || n != 1 {
				t.Fatalf("got %d swept, %v, want 1", n, err)
			}
			records, err := a.stream.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var updated, purged dynamo.StreamRecord
			for _, r := range records {
				if _, _, ok := r.Purged(); ok {
					purged = r
				} else if strings.HasPrefix(r.Partition, "T#") && r.Event == "MODIFY" {
					updated = r
				}
			}
			updated.Time, purged.Time = second, second
			note, ok := updated.After["did"].(*types.AttributeValueMemberM)
			if !ok {
				t.Fatalf("got %v, want a note", updated.After)
			}
			note.Value["e"] = &types.AttributeValueMemberN{Value: strconv.FormatInt(second.Add(offset).UnixMilli(), 10)}
			if f, err := a.Store.Fold(t.Context(), []dynamo.StreamRecord{updated, purged}, second.Unix()); err != nil || f.Done != 2 {
				t.Fatalf("got %+v, %v", f, err)
			}
			var got []string
			for _, e := range a.trail(t, 1, 1) {
				got = append(got, e.Action)
			}
			if !slices.Equal(got, []string{"token.updated", "token.purged"}) {
				t.Errorf("got %v, want the purge last", got)
			}
		})
	}
}

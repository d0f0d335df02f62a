package api_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/token"
)

// TestFamilyDataOfManyTokens asks for the charts of users with 3,000 and with 4,500 tokens. The first are whole, and
// the second are refused, because they would need more reads than an answer may take.
func TestFamilyDataOfManyTokens(t *testing.T) {
	t.Parallel()
	target, kit := apitest.Serve(t)
	tenant := kit.Tenant(t, "many")
	c := client.New(target.URL, tenant.Access.Reveal())
	if _, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a")}); err != nil {
		t.Fatal(err)
	}
	kit.CopyFirstToken(t, tenant, 2_999)
	number := func(n int64) types.AttributeValue {
		return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
	}
	now := time.Now()
	var records []dynamo.StreamRecord
	for id := int64(1); id <= 3_000; id += 37 {
		records = append(records, dynamo.StreamRecord{
			Event: "MODIFY", Partition: fmt.Sprintf("T#%d#%d", tenant.Access.UserID, (id-1)/256), Number: strconv.FormatInt(id, 10), Stream: "label", Sequence: strconv.FormatInt(id, 10), Time: now,
			Before: dynamo.Item{"used": number(0)},
			After:  dynamo.Item{"used": number(10), "did": &types.AttributeValueMemberM{Value: dynamo.Item{"n": number(1), "m": &types.AttributeValueMemberS{Value: "gpt-5"}}}},
		})
	}
	if f, err := kit.Store.Fold(t.Context(), records, now.Unix()); err != nil || f.Charges != len(records) {
		t.Fatalf("got %+v, %v", f, err)
	}
	var requests, units int64
	data, err := c.FamilyData(t.Context(), 0, 0)
	for _, day := range data {
		requests, units = requests+day.Count, units+day.Quota
	}
	if n := int64(len(records)); err != nil || requests != n || units != 10*n {
		t.Errorf("got %d requests and %d units, %v, want %d and %d", requests, units, err, n, 10*n)
	}
	tenant = kit.Tenant(t, "more")
	c = client.New(target.URL, tenant.Access.Reveal())
	if _, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a")}); err != nil {
		t.Fatal(err)
	}
	kit.CopyFirstToken(t, tenant, 4_499)
	if _, err := c.FamilyData(t.Context(), 0, 0); !isInvalid(err) {
		t.Errorf("4,500 tokens: got %v, want a refusal", err)
	}
	if _, err := c.FamilyLog(t.Context(), 0, 0, client.ListOptions{}); !isInvalid(err) {
		t.Errorf("the log of 4,500 tokens: got %v, want a refusal", err)
	}
}

func isInvalid(err error) bool {
	var refused *client.Error
	return errors.As(err, &refused) && refused.Status == 400
}

package dynamo_test

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// DynamoDB's limits on one expression. The local engine does not enforce them.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
const (
	maxOperators = 300
	maxBytes     = 4096
)

// operators counts everything that may count as an operator: functions,
// comparators, AND, OR, NOT, BETWEEN, IN, plus and minus.
func operators(expression string) int {
	return len(regexp.MustCompile(`[a-z_]+\(|<=|>=|<>|[=<>]|\b(?:AND|OR|NOT|BETWEEN|IN)\b| [-+] `).FindAllString(expression, -1))
}

// No direct write exceeds DynamoDB's limits on expressions.
func TestExpressionLimits(t *testing.T) {
	t.Parallel()
	key := credential.NewKey(1, 1)
	for kind, name := range map[quota.Kind]string{
		quota.KindSpend: "spend", quota.KindReserve: "reserve", quota.KindSettle: "settle", quota.KindRelease: "release", quota.KindGrow: "grow",
	} {
		// Every name has as many entries as a name can have.
		model := []string{strings.Repeat("m", 40), strings.Repeat("m-", 128), strings.Repeat("\U0001F600", 256), strings.Repeat("m1", 128)}
		for i, address := range []string{"203.0.113.7", "2001:db8:1234:5678:9abc:def0:1234:5678", "203.0.113.7", "2001:db8:1234:5678:9abc:def0:1234:5678"} {
			o := quota.Operation{
				Kind: kind, Own: quota.Own{Forget: i < 2, Held: token.MaxInteger - 1}, Now: dynamotest.Epoch, ExpiresAt: dynamotest.Epoch + 900,
				Question: quota.Question{
					Quota: token.MaxInteger, ExpiryCharge: token.MaxInteger, Model: model[i],
					RequestID: strings.Repeat("r", quota.MaxRequestIDLength), IP: netip.MustParseAddr(address),
				},
			}
			update, condition := dynamo.DirectWrite(key, o)
			for what, expression := range map[string]string{"update": update, "condition": condition} {
				if got := operators(expression); got > maxOperators {
					t.Errorf("%s from %s: got %d operators in the %s, want at most %d", name, address, got, what, maxOperators)
				}
				if got := len(expression); got > maxBytes {
					t.Errorf("%s from %s: got %d bytes of %s, want at most %d", name, address, got, what, maxBytes)
				}
			}
			t.Logf("%s from %s: %d operators, %d bytes of condition", name, address, operators(condition), len(condition))
		}
	}
}

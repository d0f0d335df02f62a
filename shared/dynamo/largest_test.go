package dynamo_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Every expression stays within DynamoDB's limits for the largest tokens that the API
// accepts: all windows, model quotas, models, addresses and rates, and a wallet.
func TestLargestInputs(t *testing.T) {
	t.Parallel()
	var largest dynamotest.SentRequests
	kit := dynamotest.New(t, sent.Configure, largest.Configure)
	tenant := kit.Tenant(t, "large")
	users := &token.UserService{Store: kit.Store, Now: tenant.Clock.Now}
	if _, err := users.SetBudget(t.Context(), "large", &token.Budget{Units: 1_000_000}, nil); err != nil {
		t.Fatal(err)
	}
	made, key, err := tenant.Create(t.Context(), tenant.Access, largestSettings("a"))
	if err != nil {
		t.Fatal(err)
	}
	g := gate.New(kit.Store, gate.WithClock(tenant.Clock.Now))
	for i, letter := range []string{"b", "c"} {
		model := strings.Repeat(letter, token.MaxModelNameLength)
		if _, err := tenant.Update(t.Context(), tenant.Access, made.ID, largestSettings(letter)); err != nil {
			t.Fatal(err)
		}
		question := quota.Question{Quota: 5, Model: model, IP: netip.MustParseAddr("2001:db8::1"), RequestID: fmt.Sprint(strings.Repeat("r", quota.MaxRequestIDLength-1), i)}
		r, err := g.Reserve(t.Context(), key.Reveal(), question, time.Minute)
		if err != nil || r.Refusal != "" {
			t.Fatalf("reserve: %+v, %v", r.Reason, err)
		}
		if i == 0 {
			_, err = g.Settle(t.Context(), key.Reveal(), question.RequestID, 3, price.Use{})
		} else {
			_, err = g.Release(t.Context(), key.Reveal(), question.RequestID)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	checkSize(t, largest.Expressions())
}

// largestSettings returns settings with as much of everything as the API accepts.
func largestSettings(letter string) token.Settings {
	s := token.Settings{
		Name: new(strings.Repeat("n", token.MaxNameLength)), Group: new(strings.Repeat("g", token.MaxGroupLength)),
		RemainQuota: new(int64(100_000)), ModelLimitsEnabled: new(true),
		RequestsPerMinute: new(int64(1000)), UnitsPerMinute: new(int64(100_000)), MaxConcurrent: new(int64(50)),
	}
	for i, name := range []string{"hour", "day", "month"} {
		s.Windows = append(s.Windows, token.Window{Period: period.Period{Length: name, Timezone: "America/Argentina/ComodRivadavia"}, Quota: int64(10_000 + i)})
	}
	s.Models = []string{strings.Repeat(letter, token.MaxModelNameLength)}
	for i := range token.MaxModels - 1 {
		s.Models = append(s.Models, fmt.Sprintf("%s%054d", letter, i))
	}
	for i := range token.MaxModelQuotas {
		s.ModelQuotas = append(s.ModelQuotas, token.ModelQuota{Model: strings.Repeat(letter, token.MaxModelNameLength-1-i) + "*", Quota: 10_000})
	}
	for i := range token.MaxAllowIPs {
		s.AllowIPs = append(s.AllowIPs, fmt.Sprintf("2001:db8:0:0:0:0:0:%x", i+1))
	}
	return s
}

// checkSize fails the test if an expression exceeds DynamoDB's limits, and logs the
// largest.
func checkSize(t *testing.T, expressions []string) {
	t.Helper()
	var mostOperators, mostBytes int
	for _, e := range expressions {
		mostOperators, mostBytes = max(mostOperators, operators(e)), max(mostBytes, len(e))
	}
	t.Logf("%d expressions: at most %d of %d operators, %d of %d bytes", len(expressions), mostOperators, maxOperators, mostBytes, maxBytes)
	if len(expressions) == 0 || mostOperators > maxOperators || mostBytes > maxBytes {
		t.Errorf("an expression exceeds a limit of DynamoDB, or there is none")
	}
}

// operators counts an expression that DynamoDB refuses, of 301 operators.
func TestOperators(t *testing.T) {
	t.Parallel()
	if got := operators("#a = :0" + strings.Repeat(" AND #a = :0", 150)); got != maxOperators+1 {
		t.Errorf("got %d, want %d", got, maxOperators+1)
	}
	for expression, want := range map[string]int{
		"attribute_exists(#a)": 1, "NOT contains(#a, :0)": 2, "#a <= :0 OR size(#a) <> :1": 4, "SET #a = #b - if_not_exists(#c, :0)": 3,
		"#a BETWEEN :0 AND :1 AND #b IN (:2, :3)": 4,
	} {
		if got := operators(expression); got != want {
			t.Errorf("%s: got %d operators, want %d", expression, got, want)
		}
	}
}

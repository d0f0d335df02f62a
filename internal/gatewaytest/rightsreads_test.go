package gatewaytest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

func sendReads(t *testing.T, c *caller) {
	c.do(t, "", http.MethodGet, "/api/status", "")
	c.each(t, func(u *tenant, id int64, _ string) {
		long := fmt.Sprint(time.Now().Unix() - 60*86_400) // reads days in place of hours
		for _, path := range []string{
			idPath(id) + "/usage", idPath(id) + "/usage?from=" + long, idPath(id) + "/usage.csv", idPath(id) + "/usage.csv?from=" + long,
			"/api/user/self/usage", "/api/user/self/usage.csv", "/api/user/self/usage?ids=1", "/api/user/self/usage.csv?ids=1", "/api/data/self", "/api/log/self",
			"/api/token", "/api/token?after=9", idPath(id), "/api/token/search?keyword=a", "/api/token/search?after=9", "/api/user/self", "/api/user/self/audit", idPath(id) + "/audit", "/api/user/self/groups", "/api/user/models",
		} {
			c.do(t, u.access, http.MethodGet, path, "")
			c.do(t, u.access, http.MethodHead, path, "") // the fallback gets it
		}
		c.do(t, u.access, http.MethodPost, idPath(id)+"/key", "")
		c.do(t, u.access, http.MethodPost, "/api/token/batch/keys", fmt.Sprintf(`{"ids":[%d]}`, id))
		c.do(t, u.withBudget(t).access, http.MethodGet, "/api/user/self/budget", "")
	})
}

// searchMany searches so many tokens that those of the page are read once more.
func searchMany(t *testing.T, c *caller) {
	u := c.tenant(t)
	all := strings.TrimSuffix(strings.Repeat(plain+",", token.MaxBatch), ",")
	for range 3 {
		u.prepare(t, u.access, "/api/token/batch/create", `{"tokens":[`+all+`]}`)
	}
	c.do(t, u.access, http.MethodGet, "/api/token/search?keyword=a", "")
}

// listSegments lists and searches tokens of a user who has had so many that their
// counts are in a segment of their own.
func listSegments(t *testing.T, c *caller) {
	u := c.tenant(t)
	_, err := c.kit.Client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String(dynamotest.Table), UpdateExpression: aws.String("SET seq = :last"),
		Key:                       dynamo.Item{"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("U#%d", u.id)}, "sk": &types.AttributeValueMemberN{Value: "0"}},
		ExpressionAttributeValues: dynamo.Item{":last": &types.AttributeValueMemberN{Value: fmt.Sprint(pages.SegmentSize)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	u.prepare(t, u.access, "/api/token", plain)
	c.do(t, u.access, http.MethodGet, "/api/token", "")
	c.do(t, u.access, http.MethodGet, "/api/token/search?keyword=a", "")
}

func sendUsage(t *testing.T, c *caller) {
	for _, key := range c.spenders(t) {
		c.do(t, key, http.MethodGet, "/api/usage/token", "")
		c.prepare(t, key, "/api/token/verify", `{"quota":1}`) // then the history is behind
		for _, query := range []string{"", fmt.Sprint("?from=", time.Now().Unix()-60*86_400)} {
			c.do(t, key, http.MethodGet, "/api/usage/token/history"+query, "")
		}
	}
	empty := c.beside(t)
	c.prepare(t, empty, "/api/token/verify", fmt.Sprintf(`{"quota":%d}`, budget-block))
	for _, key := range append(c.spenders(t), empty) { // not used before
		c.do(t, key, http.MethodGet, "/api/usage/token/history", "")
	}
}

package stages

import (
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/gateway"
)

const (
	accountForm = `^[0-9]{12}$`
	// eu-central-1, us-gov-west-1, eusc-de-east-1
	regionForm = `^[a-z]{2,4}(-[a-z]+){1,2}-[1-9][0-9]?$`
	// at least two labels; API Gateway takes only lower case
	domainForm      = `^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`
	certificateForm = `^arn:(aws[a-z-]*):acm:([a-z0-9-]+):([0-9]{12}):certificate/[0-9a-f-]{36}$`
	basePathForm    = `^[a-z0-9-]+(/[a-z0-9-]+)*$`
	// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
	tableForm     = `^[a-zA-Z0-9_.-]{3,255}$`
	streamForm    = `^arn:aws[a-z-]*:dynamodb:([a-z0-9-]+):([0-9]{12}):table/([a-zA-Z0-9_.-]+)/stream/[0-9T:.-]+$`
	parameterForm = `^/[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+){0,14}$`
)

// check returns one error for each problem of the settings of a stage.
func (s Settings) check(stage string) error {
	var p problems
	p.refuse(s.Account != "" && !matches(accountForm, s.Account), "account %q is not the 12 digits of an AWS account: `aws sts get-caller-identity` prints yours", s.Account)
	p.refuse(s.Region != "" && !matches(regionForm, s.Region), "region %q is not a region of AWS: use one such as eu-central-1", s.Region)
	p.checkEmails(s.AlarmEmails)
	p.checkDomain(s)
	p.checkTable(s)
	if s.Upstream != nil {
		p.checkUpstream(*s.Upstream, stage)
	}
	p.refuse(s.BudgetDollars < 0, "budgetDollars is negative: set it to the dollars per month, or remove it")
	p.refuse(s.BudgetDollars > 0 && len(s.AlarmEmails) == 0, "budgetDollars is set but nobody would be told: add alarmEmails")
	return errors.Join(p...)
}

type problems []error

// refuse adds a problem if the condition is true.
func (p *problems) refuse(condition bool, format string, args ...any) {
	if condition {
		*p = append(*p, fmt.Errorf(format, args...))
	}
}

func (p *problems) checkEmails(emails []string) {
	for i, email := range emails {
		parsed, err := mail.ParseAddress(email)
		_, host, _ := strings.Cut(email, "@")
		p.refuse(err != nil || parsed.Address != email || !matches(`^[!-~]+$`, email) || !matches(domainForm, strings.ToLower(host)),
			"alarmEmails has %q, which is not an e-mail address: use one such as ops@example.com, without a name or white space", email)
		p.refuse(slices.ContainsFunc(emails[:i], func(other string) bool { return strings.EqualFold(other, email) }),
			"alarmEmails has %q twice: remove one", email)
	}
}

func (p *problems) checkDomain(s Settings) {
	certificate := regexp.MustCompile(certificateForm).FindStringSubmatch(s.Certificate)
	switch {
	case s.Domain == "" && s.Certificate == "":
		p.refuse(s.BasePath != "", "basePath is set but domain is not: set domain and certificate, too")
		p.refuse(s.ExecuteAPI != nil && !*s.ExecuteAPI, "executeApi is false but domain is not set, so the API would have no URL: set domain and certificate, too")
		return
	case s.Certificate == "":
		p.refuse(true, "domain is set but certificate is not: request one with `aws acm request-certificate` and set certificate to its ARN")
	case certificate == nil:
		p.refuse(true, "certificate %q is not the ARN of a certificate: `aws acm list-certificates` prints those of a region", s.Certificate)
	default:
		p.refuse(s.Region != "" && certificate[2] != s.Region, "certificate is in region %s, not in %s: request one in the region of the stage", certificate[2], s.Region)
		p.refuse(s.Account != "" && certificate[3] != s.Account, "certificate is of account %s, not of %s: request one in the account of the stage", certificate[3], s.Account)
	}
	p.refuse(s.Domain == "", "certificate is set but domain is not: set domain to the host name of the API")
	p.refuse(s.Domain != "" && (!matches(domainForm, s.Domain) || len(s.Domain) > 253),
		"domain %q is not a host name: use one such as tokens.example.com, in lower case and without https:// and path", s.Domain)
	p.refuse(s.Region == "", "domain needs a certificate in the region of the stage: set region, too")
	p.refuse(s.BasePath != "" && !matches(basePathForm, s.BasePath),
		"basePath %q is not a path: use lower-case letters, digits, hyphens and single slashes between them, such as keys", s.BasePath)
	first, _, _ := strings.Cut(s.BasePath, "/")
	p.refuse(slices.Contains([]string{"api", "console", "docs"}, first), "basePath begins with %q, where the API has paths of its own: use another", first)
}

func (p *problems) checkTable(s Settings) {
	p.refuse(s.Table != "" && !matches(tableForm, s.Table), "table %q is not the name of a table: use letters, digits, -, _ and . (3 to 255 of them)", s.Table)
	switch stream := regexp.MustCompile(streamForm).FindStringSubmatch(s.TableStream); {
	case s.Table == "" && s.TableStream == "":
	case s.Table == "":
		p.refuse(true, "tableStream is set but table is not: set both, or neither to use the stage's own table")
	case s.TableStream == "":
		p.refuse(true, "table is set but tableStream is not, so nothing would count the tokens that TTL removes: switch the stream on with"+
			" `aws dynamodb update-table --table-name %s --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES` and set tableStream to its LatestStreamArn", s.Table)
	case stream == nil:
		p.refuse(true, "tableStream %q is not the ARN of a stream: `aws dynamodb describe-table` prints it as LatestStreamArn", s.TableStream)
	default:
		p.refuse(stream[3] != s.Table, "tableStream is of table %s, not of %s: set both to the same table", stream[3], s.Table)
		p.refuse(s.Region != "" && stream[1] != s.Region, "tableStream is in region %s, not in %s: use a table in the region of the stage", stream[1], s.Region)
		p.refuse(s.Account != "" && stream[2] != s.Account, "tableStream is of account %s, not of %s: use a table of the stage's account", stream[2], s.Account)
	}
}

func (p *problems) checkUpstream(u Upstream, stage string) {
	url, err := gateway.UpstreamURL(u.URL)
	p.refuse(err != nil || url.Scheme != "https",
		"upstream.url is not an https URL without user, query and fragment: set it to the URL of a model API, such as https://api.openai.com") // without the URL, which may hold a password
	p.refuse(u.KeyParameter != "" && !matches(parameterForm, u.KeyParameter),
		"upstream.keyParameter %q is not the name of a parameter: set it to one such as /latchkey/%s/upstream-key", u.KeyParameter, stage)
	p.refuse(u.Auth != "" && !slices.Contains(gateway.UpstreamAuths(), gateway.UpstreamAuth(u.Auth)),
		"upstream.auth is %q: set it to one of %v", u.Auth, gateway.UpstreamAuths())
	for _, text := range u.Allow {
		if _, err := gateway.ParseAllowed(text); err != nil {
			p.refuse(true, "upstream.allow: %w", err)
		}
	}
	for _, text := range u.AllowOrigin {
		_, err := gateway.ParseOrigin(text)
		p.refuse(err != nil || strings.Contains(text, ","), // the function gets all of them in one text with commas
			"upstream.allowOrigin has %q, which is not an origin: use one such as https://app.example.com, without a path, or *", text)
	}
}

func matches(form, text string) bool { return regexp.MustCompile(form).MatchString(text) }

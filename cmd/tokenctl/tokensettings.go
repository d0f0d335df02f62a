package main

import (
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// settings holds the flags that set what a token allows. An empty list allows
// everything.
type settings struct {
	Quota     *units   `placeholder:"N" help:"Remaining quota in units, or unlimited."`
	ExpiresIn lifetime `placeholder:"DURATION" xor:"expiry" help:"Time until the token expires, such as 12h or 30d."`
	Expires   *moment  `placeholder:"TIME" xor:"expiry" help:"Time at which the token expires, such as 2030-01-31T12:00:00Z or 2030-01-31T12:00+02:00, or never. A day such as 2030-01-31 means its start in UTC, and 2030-01-31+02:00 its start at that offset."`
	Models    *string  `placeholder:"A,B" help:"Models that the token may call, by name or by pattern such as gpt-5*; an empty list allows all."`
	AllowIPs  *string  `name:"allow-ips" placeholder:"A,B" help:"Addresses and CIDR ranges from which the token may be used; an empty list allows all."`
	Group     *string  `placeholder:"NAME" help:"Name of a group of tokens."`
	tokenLimits
}

// given reports whether a flag was given.
func (s settings) given() bool {
	return !reflect.ValueOf(s).IsZero()
}

// input returns the fields that the flags set, for a request at the time now.
func (s settings) input(now time.Time) (wire.TokenInput, error) {
	in := wire.TokenInput{Group: s.Group}
	var err error
	if in.LimitsInput, err = s.tokenLimits.input(); err != nil {
		return in, err
	}
	if s.Quota != nil {
		in.UnlimitedQuota = &s.Quota.unlimited
		if !s.Quota.unlimited {
			in.RemainQuota = &s.Quota.n
		}
	}
	switch {
	case s.ExpiresIn != 0:
		in.ExpiredTime = new(now.Add(time.Duration(s.ExpiresIn)).Unix())
	case s.Expires != nil:
		in.ExpiredTime = new(int64(*s.Expires))
	}
	if s.Models != nil {
		list := commaList(*s.Models)
		in.Models, in.ModelLimitsEnabled = list, new(len(list) > 0)
	}
	if s.AllowIPs != nil {
		list := commaList(*s.AllowIPs)
		in.AllowIPs = list
	}
	return in, nil
}

// commaList splits s at commas and drops empty parts.
func commaList(s string) []string {
	list := []string{}
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// units is a quota given on the command line.
type units struct {
	n         int64
	unlimited bool
}

// UnmarshalText parses a number of units, or the word unlimited.
func (u *units) UnmarshalText(text []byte) error {
	if string(text) == "unlimited" {
		*u = units{unlimited: true}
		return nil
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return problemf("%q is not a quota: use a number of units, such as 500000, or unlimited", text)
	}
	*u = units{n: n}
	return nil
}

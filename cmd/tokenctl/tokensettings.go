package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// settings are the flags for what a token may be used for. An empty list
// allows everything.
type settings struct {
	Quota     *units   `placeholder:"N" help:"The units that it may spend from now on, or unlimited."`
	ExpiresIn lifetime `placeholder:"DURATION" xor:"expiry" help:"End it after this time, such as 12h or 30d."`
	Expires   *moment  `placeholder:"TIME" xor:"expiry" help:"End it at this time, such as 2030-01-31T12:00:00Z or 2030-01-31, or never."`
	Models    *string  `placeholder:"A,B" help:"The models that it may call; an empty list is all."`
	AllowIPs  *string  `name:"allow-ips" placeholder:"A,B" help:"The addresses and CIDR ranges that it may be used from; an empty list is all."`
	Group     *string  `placeholder:"NAME" help:"A name to put tokens together."`
}

func (s settings) input(now time.Time) wire.TokenInput {
	in := wire.TokenInput{Group: s.Group}
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
	return in
}

func commaList(s string) []string {
	list := []string{}
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// units is a quota.
type units struct {
	n         int64
	unlimited bool
}

// UnmarshalText reads a number of units, or unlimited.
func (u *units) UnmarshalText(text []byte) error {
	if string(text) == "unlimited" {
		*u = units{unlimited: true}
		return nil
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return problemf("%q must be a number of units, such as 500000, or unlimited", text)
	}
	*u = units{n: n}
	return nil
}

// moment is a Unix second, or token.Never.
type moment int64

// UnmarshalText reads a time of RFC 3339, a day, which begins in UTC, or
// never.
func (m *moment) UnmarshalText(text []byte) error {
	if string(text) == "never" {
		*m = token.Never
		return nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, string(text)); err == nil {
			*m = moment(at.Unix())
			return nil
		}
	}
	return problemf("%q must be a time such as 2030-01-31T12:00:00Z, a day such as 2030-01-31, or never", text)
}

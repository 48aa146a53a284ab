package tool

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

const blanks = " \t\n\v\f\r"

// digitsOf splits s, after blanks and a sign, into decimal digits and the rest.
func digitsOf(s string) (negative bool, digits, rest string) {
	s = strings.TrimLeft(s, blanks)
	if s != "" && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return negative, s[:n], s[n:]
}

// scanInt reads a decimal number as strtoll does: it stops at the first other
// character and saturates.
func scanInt(s string) (v int64, rest string, overflow, ok bool) {
	negative, digits, rest := digitsOf(s)
	if digits == "" {
		return 0, s, false, false
	}
	sign := ""
	if negative {
		sign = "-"
	}
	v, err := strconv.ParseInt(sign+digits, 10, 64)
	return v, rest, err != nil, true
}

// ScanInt reads the number that s begins with as sscanf %d does for 64 bits.
func ScanInt(s string) (int64, bool) {
	v, _, _, ok := scanInt(s)
	return v, ok
}

// ScanUint reads the number that s begins with as sscanf %u does for 64 bits: a
// negative one wraps around.
func ScanUint(s string) (uint64, bool) {
	negative, digits, _ := digitsOf(s)
	if digits == "" {
		return 0, false
	}
	v, err := strconv.ParseUint(digits, 10, 64)
	if negative && err == nil {
		v = -v
	}
	return v, true
}

var (
	decimal = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?`)
	hexa    = regexp.MustCompile(`^([+-]?)0[xX]([0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)([pP][+-]?[0-9]+)?`)
	noHexa  = regexp.MustCompile(`^[+-]?0[xX]`) // the prefix alone is an error, not a zero
	special = regexp.MustCompile(`(?i)^[+-]?(infinity|inf|nan)`)
)

// ScanFloat reads the number that s begins with as sscanf %f does, rounded to
// the given number of bits.
func ScanFloat(s string, bits int) (float64, bool) {
	s = strings.TrimLeft(s, blanks)
	if m := hexa.FindStringSubmatch(s); m != nil {
		if m[3] == "" {
			m[3] = "p0"
		}
		v, ok := parseHex(m[1], m[2], m[3], bits)
		return v, ok
	}
	if noHexa.MatchString(s) {
		return 0, false
	}
	text := decimal.FindString(s)
	if text == "" {
		text = special.FindString(s)
	}
	if text == "" {
		return 0, false
	}
	if strings.HasSuffix(strings.ToLower(text), "nan") {
		if text[0] == '-' {
			return math.Copysign(math.NaN(), -1), true
		}
		return math.NaN(), true
	}
	v, err := strconv.ParseFloat(text, bits) // out of range yields infinity, as in C
	_ = err
	return v, true
}

func parseHex(sign, mantissa, exponent string, bits int) (float64, bool) {
	f, _, err := big.ParseFloat(sign+"0x"+mantissa+exponent, 0, 200, big.ToNearestEven)
	if err != nil {
		return 0, false
	}
	if bits == 32 {
		v, _ := f.Float32()
		return float64(v), true
	}
	v, _ := f.Float64()
	return v, true
}

// FormatFloat formats as printf %f does.
func FormatFloat(v float64) string {
	switch {
	case math.IsNaN(v) && math.Signbit(v):
		return "-nan"
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	return strconv.FormatFloat(v, 'f', 6, 64)
}

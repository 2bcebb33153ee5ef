// Asks the SPIFFE Workload API of an agent as go-spiffe does, and judges by its rules: the own SVID, the bundle that the
// control plane serves, and the certificates of a workload of another trust domain.
//
//	go-spiffe BUNDLE_FILE TRUST_DOMAIN PARTNER_CERTIFICATES_FILE
package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

func must(what string, err error) {
	if err != nil {
		log.Fatalf("%s: %v", what, err)
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	source, err := workloadapi.NewX509Source(ctx)
	must("workload API", err)
	defer source.Close()
	svid, err := source.GetX509SVID()
	must("SVID", err)
	trustDomain := spiffeid.RequireTrustDomainFromString(os.Args[2])
	served, err := spiffebundle.Load(trustDomain, os.Args[1])
	must("bundle", err)
	for _, from := range []x509bundle.Source{source, served} {
		id, _, err := x509svid.Verify(svid.Certificates, from)
		must("own SVID", err)
		fmt.Println(id)
	}
	text, err := os.ReadFile(os.Args[3])
	must("partner", err)
	var chain []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		one, err := x509.ParseCertificate(block.Bytes)
		must("partner's certificate", err)
		chain = append(chain, one)
	}
	id, _, err := x509svid.Verify(chain, source)
	must("partner's SVID", err)
	fmt.Println(id)
	number, _ := served.SequenceNumber()
	hint, _ := served.RefreshHint()
	fmt.Println(number > 0, hint)
}

# Passes a test run on as it comes, and repeats what failed right before the closing line: nobody has to look for it
# among a thousand lines.
/^✘ Test run with / {
    print "What failed:"
    for (number = 1; number <= count; number++) print failures[number]
}
/ recorded an issue / { failures[++count] = $0; isTelling = 1 }
# What belongs to it: "↳ the comment".
!/ recorded an issue / { if (isTelling && /^↳/) failures[++count] = "  " $0; else isTelling = 0 }
{ print; fflush() }

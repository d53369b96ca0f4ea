//! What a field is compared with: numbers, texts, truth values, moments, durations.

use super::super::lex::{Piece, unit};
use super::super::mistake::Mistake;
use super::super::tree::{Duration, Moment, Op, Test, Text, TextOp, What};
use super::super::words::{Field, Holds, Unit, Word};
use super::{Place, Reader, names};

const A_DURATION: [&str; 2] = ["a duration such as `30 days`", "时长，例如 `30 天`"];

/// The longest duration, in days.
const DAYS_MAX: i64 = 3_660;

impl Reader<'_> {
    /// Reads `within 30 days` if it comes next.
    pub(super) fn window(&mut self) -> Result<Option<Duration>, Mistake> {
        if !self.eat_word(Word::Within) {
            return Ok(None);
        }
        if matches!(self.peek(), Piece::Number(_)) {
            return self.duration().map(Some);
        }
        Err(self.expected(A_DURATION, |_| false))
    }

    fn duration(&mut self) -> Result<Duration, Mistake> {
        let at = self.at;
        let Piece::Number(count) = self.take() else {
            self.at = at;
            return Err(self.expected(A_DURATION, |_| false));
        };
        let is_unit = |word| matches!(word, Word::Unit(_));
        let Some(unit) = unit(self.peek()) else {
            let [english, chinese] = names(is_unit);
            let allowed = [format!("a unit: {english}"), format!("时间单位：{chinese}")];
            return Err(self.expected(allowed, is_unit));
        };
        self.take();
        let longest = (DAYS_MAX * Unit::Days.micros() / unit.micros()) as f64;
        if count.fract() != 0.0 || !(1.0..=longest).contains(&count) {
            let message = [
                format!("a duration is a whole number from 1 to {longest} of this unit"),
                format!("以此为单位的时长须为 1 到 {longest} 的整数"),
            ];
            return Err(self.wrong(at, message));
        }
        Ok(Duration { count: count as u32, unit })
    }

    pub(super) fn field(&mut self, at: usize, field: Field) -> Result<Test, Mistake> {
        let of = What::Field(field);
        match field.holds() {
            Holds::Number => self.number_or_known(of),
            Holds::Text => self.text_or_known(of),
            Holds::Flag => self.flag_or_known(of),
            Holds::Moment => self.moment_test(field),
            Holds::Segments => match self.peek() {
                Piece::Op(Op::Equal | Op::Unequal) | Piece::Word(Word::In) => self.text_test(of),
                _ => {
                    let name = self.written(at);
                    let allowed = [
                        format!("`=`, `!=` or `in` behind `{name}`"),
                        format!("与 `{name}` 搭配的 `=`、`!=` 或 `属于`"),
                    ];
                    Err(self.expected(allowed, |word| word == Word::In))
                }
            },
        }
    }

    /// Reads `is known` or `is unknown` if one of them comes next.
    fn known(&mut self) -> Option<bool> {
        let known = match self.peek() {
            Piece::Word(Word::IsKnown) => true,
            Piece::Word(Word::IsUnknown) => false,
            _ => return None,
        };
        self.take();
        Some(known)
    }

    fn number_or_known(&mut self, of: What) -> Result<Test, Mistake> {
        if let Some(is_known) = self.known() {
            return Ok(Test::Known { of, is_known });
        }
        if matches!(self.peek(), Piece::Op(_) | Piece::Word(Word::In)) {
            return self.number(of);
        }
        let allowed = [
            "`<` `<=` `>` `>=` `=` `!=`, `in`, `is known` or `is unknown`",
            "比较方式：`<` `<=` `>` `>=` `=` `!=`、`属于`、`已知` 或 `未知`",
        ];
        Err(self.expected(allowed, is_comparison))
    }

    pub(super) fn number(&mut self, of: What) -> Result<Test, Mistake> {
        if self.eat_word(Word::In) {
            let values = self.list(Self::number_value)?;
            return Ok(Test::NumberIn { of, values });
        }
        let Piece::Op(op) = self.take() else {
            return Err(self.expected(["a comparison", "比较方式"], |_| false));
        };
        Ok(Test::Number { of, op, value: self.number_value()? })
    }

    fn number_value(&mut self) -> Result<f64, Mistake> {
        let Piece::Number(value) = *self.peek() else {
            return Err(self.expected(["a number", "一个数"], |_| false));
        };
        self.take();
        Ok(value)
    }

    fn list<T>(
        &mut self,
        value: impl Fn(&mut Self) -> Result<T, Mistake>,
    ) -> Result<Vec<T>, Mistake> {
        let opened = self.at;
        if !self.eat(&Piece::Open) {
            return Err(self.expected(["a list in `( )`", "写在 `( )` 里的列表"], |_| false));
        }
        let mut values = vec![value(self)?];
        while self.eat(&Piece::Comma) {
            self.count()?;
            values.push(value(self)?);
        }
        if self.eat(&Piece::Close) {
            return Ok(values);
        }
        if self.peek() == &Piece::End {
            return Err(self.not_closed(opened));
        }
        Err(self.expected(["`,` or `)`", "逗号 `,` 或右括号 `)`"], |_| false))
    }

    fn text_or_known(&mut self, of: What) -> Result<Test, Mistake> {
        if let Some(is_known) = self.known() {
            return Ok(Test::Known { of, is_known });
        }
        match self.peek() {
            Piece::Op(Op::Equal | Op::Unequal)
            | Piece::Word(Word::In | Word::Contains | Word::StartsWith) => self.text_test(of),
            Piece::Op(_) => {
                let allowed = [
                    "`=`, `!=`, `in`, `contains` or `starts with`",
                    "比较方式：`=`、`!=`、`属于`、`包含` 或 `开头是`",
                ];
                Err(self.expected(allowed, |_| false))
            }
            _ => {
                let allowed = [
                    "`=`, `!=`, `in`, `contains`, `starts with`, `is known` or `is unknown`",
                    "比较方式：`=`、`!=`、`属于`、`包含`、`开头是`、`已知` 或 `未知`",
                ];
                Err(self.expected(allowed, is_comparison))
            }
        }
    }

    fn text_test(&mut self, of: What) -> Result<Test, Mistake> {
        let op = match self.take() {
            Piece::Op(Op::Unequal) => TextOp::IsNot,
            Piece::Word(Word::In) => TextOp::In,
            Piece::Word(Word::Contains) => TextOp::Contains,
            Piece::Word(Word::StartsWith) => TextOp::StartsWith,
            _ => TextOp::Is,
        };
        let written = match op {
            TextOp::In => self.list(Self::text_value)?,
            _ => vec![self.text_value()?],
        };
        let is_category = of == What::Field(Field::Category);
        let is_whole = matches!(op, TextOp::Is | TextOp::IsNot | TextOp::In);
        let values = written.iter().map(|text| match is_category && is_whole {
            true => Text::of_category(text),
            false => Text::new(text),
        });
        Ok(Test::Text { values: values.collect(), of, op })
    }

    fn text_value(&mut self) -> Result<String, Mistake> {
        let Piece::Text(text) = self.peek() else {
            return Err(self.expected(["a text in quotes", "加引号的文字"], |_| false));
        };
        let text = text.clone();
        self.take();
        Ok(text)
    }

    fn flag_or_known(&mut self, of: What) -> Result<Test, Mistake> {
        if let Some(is_known) = self.known() {
            return Ok(Test::Known { of, is_known });
        }
        let is_equal = match self.peek() {
            Piece::Op(Op::Equal) => true,
            Piece::Op(Op::Unequal) => false,
            Piece::Op(_) => {
                let allowed = ["`=`, `!=` or nothing", "比较符 `=`、`!=`，或者什么都不写"];
                return Err(self.expected(allowed, |_| false));
            }
            _ => return Ok(Test::Flag { of, is: true }),
        };
        self.take();
        let value = match self.peek() {
            Piece::Word(Word::True) => true,
            Piece::Word(Word::False) => false,
            _ => {
                let is_truth = |word| matches!(word, Word::True | Word::False);
                let allowed = ["`true` or `false`", "真假值 `是` 或 `否`"];
                return Err(self.expected(allowed, is_truth));
            }
        };
        self.take();
        Ok(Test::Flag { of, is: value == is_equal })
    }

    /// Reads a test of an attribute: what follows says what it should hold.
    pub(super) fn attribute(&mut self, of: What) -> Result<Test, Mistake> {
        let is_list = |own: &Self| {
            own.peek() == &Piece::Word(Word::In)
                && own.tokens.get(own.at + 1).is_some_and(|token| token.is == Piece::Open)
        };
        let value = self.tokens.get(self.at + 1 + usize::from(is_list(self)));
        let value = value.map_or(&Piece::End, |token| &token.is);
        match (self.peek(), value) {
            (Piece::Word(Word::Contains | Word::StartsWith), _) => self.text_test(of),
            (Piece::Op(Op::Equal | Op::Unequal) | Piece::Word(Word::In), Piece::Text(_)) => {
                self.text_test(of)
            }
            (Piece::Op(_) | Piece::Word(Word::In), Piece::Number(_)) => self.number(of),
            (Piece::Op(Op::Equal | Op::Unequal), Piece::Word(Word::True | Word::False)) => {
                self.flag_or_known(of)
            }
            (Piece::Op(_) | Piece::Word(Word::In), _) => {
                self.take();
                self.eat(&Piece::Open);
                let allowed = [
                    "a number, a text in quotes, `true` or `false`",
                    "一个数、加引号的文字、`是` 或 `否`",
                ];
                Err(self.expected(allowed, |word| matches!(word, Word::True | Word::False)))
            }
            (Piece::Unknown(_), _) => {
                let allowed = [
                    "a comparison, `and`, `or` or the end",
                    "比较方式、连词 `且`、`或`，或者到此结束",
                ];
                Err(self.expected(allowed, |word| {
                    is_comparison(word) || matches!(word, Word::And | Word::Or)
                }))
            }
            _ => self.flag_or_known(of),
        }
    }

    fn moment_test(&mut self, field: Field) -> Result<Test, Mistake> {
        if let Some(is_known) = self.known() {
            return Ok(Test::Known { of: What::Field(field), is_known });
        }
        let at = self.at;
        if let Some(window) = self.window()? {
            self.not_by_the_clock(at)?;
            return Ok(Test::Within { field, window });
        }
        let op = match self.peek() {
            Piece::Word(Word::Before) => Op::Less,
            Piece::Word(Word::After) => Op::More,
            Piece::Op(op @ (Op::Less | Op::AtMost | Op::More | Op::AtLeast)) => *op,
            Piece::Op(_) => {
                let allowed = ["`before` or `after`", "比较词 `早于` 或 `晚于`"];
                return Err(self
                    .expected(allowed, |_| false)
                    .hint(["a moment is hardly ever met exactly", "时刻几乎不会恰好相等"]));
            }
            _ => {
                let allowed = [
                    "`before`, `after`, `within`, `is known` or `is unknown`",
                    "比较词 `早于`、`晚于`、`近`、`已知` 或 `未知`",
                ];
                return Err(self.expected(allowed, |word| {
                    matches!(
                        word,
                        Word::Before | Word::After | Word::Within | Word::IsKnown | Word::IsUnknown
                    )
                }));
            }
        };
        self.take();
        let at = self.at;
        let moment = self.moment()?;
        if moment.offset().is_some() {
            self.not_by_the_clock(at)?;
        }
        Ok(Test::Moment { field, op, moment })
    }

    /// Refuses what changes as time passes where products are told apart once.
    fn not_by_the_clock(&self, at: usize) -> Result<(), Mistake> {
        if self.place != Place::Of {
            return Ok(());
        }
        let wrong = self.wrong(
            at,
            [
                "within `of ( )` nothing may change as time passes",
                "`其中 ( )` 里的条件不能随时间变化",
            ],
        );
        Err(wrong.hint(["write a date such as 2026-12-01", "请写具体日期，例如 2026-12-01"]))
    }

    fn moment(&mut self) -> Result<Moment, Mistake> {
        match self.peek().clone() {
            Piece::Date(written, micros) => {
                self.take();
                Ok(Moment::Date(written.into(), micros))
            }
            Piece::Word(Word::Now) => {
                self.take();
                Ok(Moment::Now)
            }
            Piece::Number(_) => {
                let duration = self.duration()?;
                if self.eat_word(Word::Ago) {
                    Ok(Moment::Ago(duration))
                } else if self.eat_word(Word::Ahead) {
                    Ok(Moment::Ahead(duration))
                } else {
                    let is_side = |word| matches!(word, Word::Ago | Word::Ahead);
                    Err(self.expected(["`ago` or `ahead`", "方向词 `前` 或 `后`"], is_side))
                }
            }
            _ => {
                let allowed = [
                    "a moment: 2026-12-01, `30 days ago`, `3 days ahead` or `now`",
                    "时刻：2026-12-01、`30 天前`、`3 天后` 或 `现在`",
                ];
                Err(self.expected(allowed, |word| word == Word::Now))
            }
        }
    }
}

fn is_comparison(word: Word) -> bool {
    matches!(word, Word::In | Word::Contains | Word::StartsWith | Word::IsKnown | Word::IsUnknown)
}
